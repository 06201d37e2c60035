// npm @mux/mux-node: webhooks.verifySignature
import Mux from "@mux/mux-node";

export const accepts = async ({ text, headers, secret }) => {
  await new Mux({ tokenId: "id", tokenSecret: "key" }).webhooks.verifySignature(text, headers, secret);
  return true;
};
