// npm @sendgrid/eventwebhook: verifySignature
import sendgrid from "@sendgrid/eventwebhook";

const prefix = "x-twilio-email-event-webhook";

export const accepts = ({ body, headers, secret }) => {
  const webhook = new sendgrid.EventWebhook();
  const key = webhook.convertPublicKeyToECDSA(secret);
  return webhook.verifySignature(key, body, headers[`${prefix}-signature`], headers[`${prefix}-timestamp`]);
};
