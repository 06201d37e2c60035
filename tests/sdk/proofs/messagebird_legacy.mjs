// npm messagebird: validate of the legacy signature
import { parse } from "node:querystring";
import signature from "messagebird/lib/signature.js";

export const accepts = ({ query, body, headers, secret }) =>
  signature.validate({ headers, query: parse(query), body }, secret);
