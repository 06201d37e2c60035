// npm @octokit/webhooks-methods: verify
import { verify } from "@octokit/webhooks-methods";

export const accepts = ({ text, headers, secret }) => verify(secret, text, headers["x-hub-signature-256"]);
