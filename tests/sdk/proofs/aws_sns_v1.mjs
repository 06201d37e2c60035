// npm sns-validator: MessageValidator.validate, as for version 2
import { asked } from "./aws_sns.mjs";

export const accepts = asked("1");
