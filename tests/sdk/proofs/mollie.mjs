// npm mollie-api-typescript: SignatureValidator.validate, with the signatures of a header that came several times
import { SignatureValidator } from "mollie-api-typescript";

export const accepts = ({ text, headers, secrets }) =>
  SignatureValidator.validate(text, secrets, (headers["x-mollie-signature"] ?? "").split(", "));
