// npm gocardless-nodejs: webhooks.parse
import { parse } from "gocardless-nodejs/webhooks";

export const accepts = ({ body, headers, secret }) => Array.isArray(parse(body, secret, headers["webhook-signature"]));
