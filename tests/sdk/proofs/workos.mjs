// npm @workos-inc/node: webhooks.verifyHeader. It prints the parsed body again.
import { WorkOS } from "@workos-inc/node";

export const accepts = ({ text, headers, secret, tolerance }) => {
  const { webhooks } = new WorkOS("sk_test_1");
  const payload = JSON.parse(text);
  return webhooks.verifyHeader({ payload, sigHeader: headers["workos-signature"], secret, tolerance: (tolerance ?? 300) * 1000 });
};

// It splits the header at ", " and reads the first two parts with any names.
export const looser = {
  "workos-signature: a character taken out": "a list's blank after its comma is no part of what is signed",
  "workos-signature: a blank inside": "the same, before the comma",
  "workos-signature: one of another version": "an entry of another name beside t and v1 takes nothing from what they prove",
};
