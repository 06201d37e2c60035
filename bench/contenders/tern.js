// Tern's adapter for Cloudflare. It hands on what it parsed, so the message has that printed again.
import { createWebhookHandler } from "@hookflo/tern/cloudflare";
import { accept } from "./steps.js";

export default {
  async fetch(request, env, ctx) {
    const id = request.headers.get("webhook-id");
    const handle = createWebhookHandler({
      platform: "dodopayments", // whose webhooks are Standard Webhooks
      secretEnv: "STANDARD_SECRET",
      handler: (payload) => accept(env, ctx, { id, type: payload.type, body: JSON.stringify(payload) }),
    });
    const answer = await handle(request, env);
    return answer.status === 400 ? Response.json({ title: "Not authentic", status: 401 }, { status: 401 }) : answer;
  },
};
