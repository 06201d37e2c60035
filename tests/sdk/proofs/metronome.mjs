// npm @metronome/sdk: webhooks.verifySignature
import Metronome from "@metronome/sdk";

export const accepts = ({ text, headers, secret }) => {
  new Metronome({ bearerToken: "token" }).webhooks.verifySignature(text, headers, secret);
  return true;
};

export const looser = {
  "metronome-webhook-signature: said twice": "a header that comes twice is a list, and one of its signatures is enough; it compares the whole text",
};
