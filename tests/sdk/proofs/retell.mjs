// npm retell-sdk: Retell.verify
import Retell from "retell-sdk";

export const accepts = ({ text, headers, secret }) => Retell.verify(text, secret, headers["x-retell-signature"]);

const why = "entries are found by name; it takes v and d alone, in this order, without blanks";
export const looser = {
  "x-retell-signature: one of another version": why,
  "x-retell-signature: a character put in": why,
  "x-retell-signature: a blank inside": why,
};
