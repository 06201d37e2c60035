// npm messagebird: verify of a signed token
import { createSecretKey } from "node:crypto";
import jwt from "messagebird/lib/webhook-signature-jwt.js";

export const verify = ({ url, body, headers, secret }) =>
  jwt.verify(url, body, headers["messagebird-signature-jwt"], createSecretKey(Buffer.from(secret)));
