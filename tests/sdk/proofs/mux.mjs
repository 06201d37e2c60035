// npm @mux/mux-node: webhooks.verifySignature
import Mux from "@mux/mux-node";

export const verify = ({ text, headers, secret }) =>
  new Mux({ tokenId: "id", tokenSecret: "key" }).webhooks.verifySignature(text, headers, secret);
