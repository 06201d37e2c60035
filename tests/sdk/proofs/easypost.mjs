// npm @easypost/api: Utils.validateWebhook
import EasyPost from "@easypost/api";

const client = new EasyPost("key");

export const verify = ({ body, headers, secret }) => client.Utils.validateWebhook(body, headers, secret);
