// npm livekit-server-sdk: WebhookReceiver.receive
import { WebhookReceiver } from "livekit-server-sdk";

export const verify = ({ text, headers, secret, account }) =>
  new WebhookReceiver(account, secret).receive(text, headers.authorization);
