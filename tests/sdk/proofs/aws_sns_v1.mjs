// npm sns-validator: MessageValidator.validate, as for version 2
export { accepts } from "./aws_sns.mjs";

export const looser = {
  "body: ": "SignatureVersion, SigningCertURL's place and UnsubscribeURL are not signed: the configuration says which algorithm it is",
};
