// npm chargebee: basicAuthValidator
import { basicAuthValidator } from "chargebee";

export const accepts = async ({ headers, secret }) => {
  const [, user, password] = /^([^:]*):(.*)$/s.exec(secret);
  await basicAuthValidator((u, p) => u === user && p === password)(headers);
  return true;
};

export const looser = {
  "authorization: said twice": "a header that comes twice reaches the gateway as one text with a comma, and each element is read",
  "authorization: a character put in": "a comma at an end is an empty element, which is passed over",
};
