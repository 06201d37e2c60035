// npm @contentful/node-apps-toolkit: verifyRequest. It allows 30 s; what is allowed here is asked of it.
import { verifyRequest } from "@contentful/node-apps-toolkit";

export const accepts = async ({ text, headers, method, url, secret, tolerance }) => {
  const path = url.replace(/^https?:\/\/[^/]*/, "") || "/";
  return verifyRequest(secret, { method, path, headers, body: text }, (tolerance ?? 300) + 1);
};

export const looser = {
  "x-contentful-signature: said twice": "a header that comes twice reaches the gateway as one text with a comma, and each element is read",
  "x-contentful-signature: a character put in": "a comma at an end is an empty element, which is passed over",
  "x-contentful-timestamp: said twice": "a header that comes twice reaches the gateway as one text with a comma, and each element is read",
};
