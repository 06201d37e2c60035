// The secrets and helpers of the SDKs.
import { createHash, createHmac } from "node:crypto";
import { readFileSync } from "node:fs";

export const key = (name) => readFileSync(new URL(`../../crates/verify/tests/keys/${name}`, import.meta.url), "utf8");
export const hmac = (hash, secret, text, encoding = "hex") => createHmac(hash, secret).update(text).digest(encoding);
export const sha256 = (text) => createHash("sha256").update(text).digest("hex");
export const SECRET = "a-shared-secret-of-32-characters";
export const OTHER = "another-secret-of-32-characters!";
export const URL_OF = (provider) => `https://hooks.example.com/webhooks/${provider}`;
export const full = (url, query) => (query ? `${url}?${query}` : url);
export const seconds = (at) => Math.floor(at / 1000);
