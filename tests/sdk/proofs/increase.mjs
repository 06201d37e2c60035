// npm increase: events.unwrap
import Increase from "increase";

const client = new Increase({ apiKey: "key" });

export const verify = ({ text, headers, secret }) => client.events.unwrap(text, { headers, key: secret });
