// npm google-auth-library: OAuth2Client.verifyIdToken. The keys are given to it, not fetched; the audience is what is set up in
// Google, and no query that arrives.
import { createPublicKey } from "node:crypto";
import { OAuth2Client } from "google-auth-library";

export const accepts = async ({ headers, secrets, url, account }) => {
  const keys = secrets.map((text) => JSON.parse(text));
  const pem = (key) => createPublicKey({ key, format: "jwk" }).export({ type: "spki", format: "pem" });
  const client = new OAuth2Client();
  client.getFederatedSignonCertsAsync = async () => ({ certs: Object.fromEntries(keys.map((key) => [key.kid, pem(key)])) });
  const [, idToken] = headers.authorization.match(/^Bearer (.+)$/);
  const ticket = await client.verifyIdToken({ idToken, audience: url.split("?")[0] });
  const { email, email_verified: verified } = ticket.getPayload();
  return email === account && verified;
};
