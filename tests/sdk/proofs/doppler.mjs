// npm @hookflo/tern: WebhookVerificationService.verifyWithPlatformConfig
import { WebhookVerificationService } from "@hookflo/tern";

export const accepts = async ({ body, headers, secret }) => {
  const request = new Request("https://hooks.example.com/", { method: "POST", headers, body });
  const { isValid } = await WebhookVerificationService.verifyWithPlatformConfig(request, "doppler", secret);
  return isValid;
};
