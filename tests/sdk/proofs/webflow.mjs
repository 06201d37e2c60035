// npm webflow-api: webhooks.verifySignature
import { WebflowClient } from "webflow-api";

export const accepts = ({ text, headers, secret }) => {
  const client = new WebflowClient({ accessToken: "token" });
  return client.webhooks.verifySignature({ headers, body: text, secret });
};
