// npm hook0-client: verifyWebhookSignature. The entry h is not signed, and which headers are signed is fixed here: the package
// is asked with those names, so that no other change of the header is excused.
import hook0 from "hook0-client";

export const accepts = async ({ text, headers, secret, tolerance }) => {
  const signature = headers["x-hook0-signature"].replace(/^(t=[^,]*),[^,]*,/, "$1,h=content-type x-hook0-id,");
  return hook0.verifyWebhookSignature(signature, text, new Headers(headers), secret, tolerance ?? 300);
};

export const looser = {
  "x-hook0-signature: one of another version": "v1 stands twice, and one of the two is enough; it reads the last",
};
