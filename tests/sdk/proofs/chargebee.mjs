// npm chargebee: basicAuthValidator
import { basicAuthValidator } from "chargebee";

export const verify = async ({ headers, secret }) => {
  const [, user, password] = /^([^:]*):(.*)$/s.exec(secret);
  await basicAuthValidator((u, p) => u === user && p === password)(headers);
};
