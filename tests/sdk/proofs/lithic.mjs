// npm lithic: webhooks.verifySignature
import Lithic from "lithic";

const client = new Lithic({ apiKey: "key" });

export const verify = ({ text, headers, secret }) => client.webhooks.verifySignature(text, headers, secret);
