// npm pusher: webhook().isValid. It first looks up the key's name and the content type. Neither is signed.
import Pusher from "pusher";

const key = "278d425bdf160c739803";

export const accepts = ({ text, headers, secret }) => {
  const pusher = new Pusher({ appId: "1", key, secret, cluster: "eu" });
  const named = { ...headers, "x-pusher-key": key, "content-type": "application/json" };
  return pusher.webhook({ headers: named, rawBody: text }).isValid();
};
