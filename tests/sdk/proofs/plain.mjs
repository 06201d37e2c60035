// npm @team-plain/typescript-sdk: verifyPlainWebhook
import { verifyPlainWebhook } from "@team-plain/typescript-sdk";

export const accepts = ({ text, headers, secret }) => {
  const { error } = verifyPlainWebhook(text, headers["plain-request-signature"] ?? "", secret);
  if (error) throw error;
  return true;
};
