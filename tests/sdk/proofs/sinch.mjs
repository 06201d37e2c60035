// npm @sinch/sdk-client: validateWebhookSignature. The entry of the package would need all of @sinch/sdk-core.
const at = new URL("../node_modules/@sinch/sdk-client/dist/utils/authorization.helper.js", import.meta.url);
const { default: sinch } = await import(at);

export const accepts = ({ text, headers, secret }) => sinch.validateWebhookSignature(secret, headers, text);
