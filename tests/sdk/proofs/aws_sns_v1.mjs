// npm sns-validator: MessageValidator.validate, as for version 2
export { accepts } from "./aws_sns.mjs";
