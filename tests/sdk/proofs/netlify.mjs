// npm jsonwebtoken: verify, and the claim beside the body's SHA-256, as the provider's page says
import { createHash } from "node:crypto";
import jsonwebtoken from "jsonwebtoken";

export const accepts = ({ body, headers, secret }) => {
  const claims = jsonwebtoken.verify(headers["x-webhook-signature"], secret, { algorithms: ["HS256"], issuer: "netlify" });
  return claims.sha256 === createHash("sha256").update(body).digest("hex");
};
