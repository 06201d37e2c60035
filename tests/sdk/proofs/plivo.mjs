// npm plivo: validateV3Signature
import plivo from "plivo";

export const accepts = ({ text, headers, url, secret }) => {
  const form = new URLSearchParams(text);
  const params = Object.fromEntries([...new Set(form.keys())].map((name) => [name, form.getAll(name)]));
  const [nonce, signature] = [headers["x-plivo-signature-v3-nonce"], headers["x-plivo-signature-v3"]];
  return plivo.validateV3Signature("POST", url, nonce, secret, signature, params);
};
