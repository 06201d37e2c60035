// npm stream-chat: verifySignature
import { verifySignature } from "stream-chat";

export const accepts = ({ body, headers, secret }) => verifySignature(body, headers["x-signature"], secret);
