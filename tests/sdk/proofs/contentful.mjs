// npm @contentful/node-apps-toolkit: verifyRequest. It allows 30 s by default. Here it allows the tolerance of the vector.
import { verifyRequest } from "@contentful/node-apps-toolkit";

export const accepts = async ({ text, headers, method, url, secret, tolerance }) => {
  const path = url.replace(/^https?:\/\/[^/]*/, "") || "/";
  return verifyRequest(secret, { method, path, headers, body: text }, (tolerance ?? 300) + 1);
};
