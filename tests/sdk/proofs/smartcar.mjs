// npm smartcar: verifyPayload
import smartcar from "smartcar";

export const accepts = ({ text, headers, secret }) =>
  smartcar.verifyPayload(secret, headers["sc-signature"], JSON.parse(text));
