// npm @stream-io/node-sdk: StreamClient.verifyWebhook
import { StreamClient } from "@stream-io/node-sdk";

export const accepts = ({ text, headers, secret }) => new StreamClient("key", secret).verifyWebhook(text, headers["x-signature"]);
