// npm @upstash/qstash: Receiver.verify
import { Receiver } from "@upstash/qstash";

export const accepts = ({ url, text, headers, secrets }) =>
  new Receiver({ currentSigningKey: secrets[0], nextSigningKey: secrets.at(-1) }).verify({
    signature: headers["upstash-signature"],
    body: text,
    url,
  });

export const looser = {
  "another query": "sub is compared with the configured URL; the request's own query is not looked at, and goes no further",
};
