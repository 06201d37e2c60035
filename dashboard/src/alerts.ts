// The view that shows what is behind an alert. Pure. A notice links to the same views: src/alert/view.rs.

import type { Alert } from "./api.ts";
import { href } from "./router.ts";

type Look = (alert: { source: string; cause: string | undefined }) => Parameters<typeof href>;

const LOOK: Record<string, Look> = {
  refusals: ({ source, cause }) => ["refused", null, { source, reason: cause === "several" ? "" : cause }],
  failed_attempts: ({ source }) => ["events", null, { source, state: "retrying,dead" }],
  dead_letters: ({ source }) => ["dead-letters", null, { source }],
  backlog: ({ source }) => ["events", null, { source, state: "retrying,waiting", range: "7d" }],
  paused: ({ source }) => ["sources", source],
  silent: ({ source }) => ["sources", source],
};

/** The address of the view. A summary, and a rule that this page does not know, have the list of the alerts. */
export function lookOf({ rule, source, cause }: Pick<Alert, "rule" | "source" | "cause">): string {
  const look = source ? LOOK[rule] : undefined;
  return look && source ? href(...look({ source, cause: cause ?? undefined })) : href("alerts");
}
