// npm discord-interactions: verifyKey
import { verifyKey } from "discord-interactions";

export const accepts = async ({ body, headers, secret }) =>
  verifyKey(body, headers["x-signature-ed25519"], headers["x-signature-timestamp"], secret);

export const looser = {
  "x-signature-ed25519: said twice": "a header that comes twice reaches the gateway as one text with a comma, and each element is read",
  "x-signature-ed25519: a character put in": "a comma at an end is an empty element, which is passed over",
  "x-signature-timestamp: said twice": "a header that comes twice reaches the gateway as one text with a comma, and each element is read",
};
