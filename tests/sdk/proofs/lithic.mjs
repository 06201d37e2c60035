// npm lithic: webhooks.verifySignature
import Lithic from "lithic";

export const accepts = ({ text, headers, secret }) => {
  new Lithic({ apiKey: "key" }).webhooks.verifySignature(text, headers, secret);
  return true;
};
