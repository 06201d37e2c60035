// Hono with `svix`, as its README shows it.
import { Hono } from "hono";
import { Webhook } from "svix";
import { accept } from "./steps.js";

const app = new Hono();

app.post("/webhooks/standard", async (c) => {
  const body = await c.req.text();
  let event;
  try {
    event = new Webhook(c.env.STANDARD_SECRET).verify(body, c.req.header());
  } catch {
    return c.json({ title: "Not authentic", status: 401 }, 401);
  }
  const id = c.req.header("webhook-id");
  return c.json(await accept(c.env, c.executionCtx, { id, type: event.type, body }));
});

export default app;
