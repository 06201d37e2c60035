// npm @hubspot/api-client: Signature.isValid
import { asked } from "./hubspot_v1.mjs";

export const accepts = asked("v2", "x-hubspot-signature");
