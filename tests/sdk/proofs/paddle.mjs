// npm @paddle/paddle-node-sdk: WebhooksValidator.isValidSignature
import { Paddle, WebhooksValidator } from "@paddle/paddle-node-sdk";

new Paddle("key"); // sets the runtime of the package

export const accepts = ({ text, headers, secret }) =>
  new WebhooksValidator().isValidSignature(text, secret, headers["paddle-signature"]);
