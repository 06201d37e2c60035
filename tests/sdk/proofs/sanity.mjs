// npm @sanity/webhook: isValidSignature
import { isValidSignature, SIGNATURE_HEADER_NAME } from "@sanity/webhook";

export const accepts = ({ text, headers, secret }) => isValidSignature(text, headers[SIGNATURE_HEADER_NAME], secret);
