// npm @hookflo/tern: WebhookVerificationService.verifyWithPlatformConfig. The key set is given to it, not fetched; it keeps
// the first one, so all vectors that it is asked about have one set.
import { WebhookVerificationService } from "@hookflo/tern";

const real = globalThis.fetch;

export const accepts = async ({ body, headers, secrets }) => {
  const keys = secrets.map((key) => JSON.parse(key));
  globalThis.fetch = async () => new Response(JSON.stringify({ keys }));
  try {
    const request = new Request("https://hooks.example.com/", { method: "POST", headers, body });
    const { isValid } = await WebhookVerificationService.verifyWithPlatformConfig(request, "falai", "");
    return isValid;
  } finally {
    globalThis.fetch = real;
  }
};
