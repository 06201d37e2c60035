// npm @workos-inc/node: webhooks.verifyHeader, which prints what was parsed again
import { WorkOS } from "@workos-inc/node";

export const accepts = ({ text, headers, secret, tolerance }) => {
  const { webhooks } = new WorkOS("sk_test_1");
  const payload = JSON.parse(text);
  return webhooks.verifyHeader({ payload, sigHeader: headers["workos-signature"], secret, tolerance: (tolerance ?? 300) * 1000 });
};
