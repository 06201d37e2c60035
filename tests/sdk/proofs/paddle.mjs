// npm @paddle/paddle-node-sdk: WebhooksValidator.isValidSignature
import { Paddle, WebhooksValidator } from "@paddle/paddle-node-sdk";

new Paddle("key"); // the package finds its runtime here

export const accepts = ({ text, headers, secret }) =>
  new WebhooksValidator().isValidSignature(text, secret, headers["paddle-signature"]);
