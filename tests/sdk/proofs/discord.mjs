// npm discord-interactions: verifyKey
import { verifyKey } from "discord-interactions";

export const accepts = async ({ body, headers, secret }) =>
  verifyKey(body, headers["x-signature-ed25519"], headers["x-signature-timestamp"], secret);
