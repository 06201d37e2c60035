// npm orb-billing: webhooks.verifySignature
import Orb from "orb-billing";

const orb = new Orb({ apiKey: "key" });

export const verify = ({ text, headers, secret }) => orb.webhooks.verifySignature(text, headers, secret);
