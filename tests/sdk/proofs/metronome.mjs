// npm @metronome/sdk: webhooks.verifySignature
import Metronome from "@metronome/sdk";

export const verify = ({ text, headers, secret }) =>
  new Metronome({ bearerToken: "token" }).webhooks.verifySignature(text, headers, secret);
