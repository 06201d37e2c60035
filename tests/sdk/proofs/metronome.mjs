// npm @metronome/sdk: webhooks.verifySignature
import Metronome from "@metronome/sdk";

export const accepts = ({ text, headers, secret }) => {
  new Metronome({ bearerToken: "token" }).webhooks.verifySignature(text, headers, secret);
  return true;
};
