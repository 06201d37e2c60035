// npm @tryfinch/finch-api: webhooks.verifySignature
import Finch from "@tryfinch/finch-api";

const client = new Finch({ accessToken: "token" });

export const verify = ({ text, headers, secret }) => client.webhooks.verifySignature(text, headers, secret);
