// npm @polar-sh/sdk: webhooks.validateEvent
import { webhooks } from "@polar-sh/sdk/2026-10";

export const accepts = async ({ body, headers, secret }) => Boolean(await webhooks.validateEvent(body, headers, secret));
