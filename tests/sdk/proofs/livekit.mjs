// npm livekit-server-sdk: WebhookReceiver.receive
import { WebhookReceiver } from "livekit-server-sdk";

export const accepts = async ({ text, headers, secret, account }) => {
  await new WebhookReceiver(account, secret).receive(text, headers.authorization);
  return true;
};
