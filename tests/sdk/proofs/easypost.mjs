// npm @easypost/api: Utils.validateWebhook
import EasyPost from "@easypost/api";

const client = new EasyPost("key");

export const accepts = ({ body, headers, secret }) => {
  client.Utils.validateWebhook(body, headers, secret);
  return true;
};

export const looser = { capitals: "hexadecimal digits are the same in capitals; it compares texts" };
