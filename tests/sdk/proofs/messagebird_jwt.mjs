// npm messagebird: verify of a signed token
import { createSecretKey } from "node:crypto";
import jwt from "messagebird/lib/webhook-signature-jwt.js";

export const accepts = async ({ url, body, headers, secret }) => {
  await jwt.verify(url, body, headers["messagebird-signature-jwt"], createSecretKey(Buffer.from(secret)));
  return true;
};
