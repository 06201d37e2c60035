// npm @sanity/webhook: isValidSignature
import { isValidSignature, SIGNATURE_HEADER_NAME } from "@sanity/webhook";

export const accepts = ({ text, headers, secret }) => isValidSignature(text, headers[SIGNATURE_HEADER_NAME], secret);

const why = "entries are found by name; it takes t and v1 alone, in this order, without blanks";
export const looser = {
  "sanity-webhook-signature: one of another version": why,
  "sanity-webhook-signature: a character put in": why,
  "sanity-webhook-signature: a blank inside": why,
};
