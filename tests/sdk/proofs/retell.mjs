// npm retell-sdk: Retell.verify
import Retell from "retell-sdk";

export const accepts = ({ text, headers, secret }) => Retell.verify(text, secret, headers["x-retell-signature"]);
