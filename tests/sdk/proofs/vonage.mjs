// npm @vonage/jwt: verifySignature, and the hash of the body as the documentation compares it
import { createHash } from "node:crypto";
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);
const { verifySignature } = require("@vonage/jwt");

export const accepts = ({ body, headers, secret }) => {
  const [scheme, token] = (headers.authorization ?? "").split(" ");
  if (scheme !== "Bearer" || !verifySignature(token, secret)) return false;
  const { payload_hash: hash } = JSON.parse(Buffer.from(token.split(".")[1], "base64url"));
  return hash === createHash("sha256").update(body).digest("hex");
};
