// npm @octokit/webhooks-methods: verify
import { verify } from "@octokit/webhooks-methods";

export const looser = { capitals: "hexadecimal digits are the same in capitals; it compares texts" };

export const accepts = ({ text, headers, secret }) => verify(secret, text, headers["x-hub-signature-256"]);
