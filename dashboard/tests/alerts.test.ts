// The view behind an alert. The links of notices are tested with the same examples: tests/alerts/notices.rs.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { lookOf } from "../src/alerts.ts";
import type { Alert } from "../src/api.ts";
import { parse } from "../src/router.ts";

const examples = JSON.parse(readFileSync(new URL("../../tests/alerts/links.json", import.meta.url), "utf8")) as (Alert & {
  link: string;
})[];

test("the page and the notice of an alert lead to the same view", () => {
  for (const { link, ...alert } of examples) assert.equal(lookOf(alert), link);
});

test("the view has the source and the reason of the alert", () => {
  for (const { link, source, cause } of examples) {
    const { id, params } = parse(link);
    assert.equal(id ?? params.get("source") ?? undefined, source);
    if (params.has("reason")) assert.equal(params.get("reason"), cause);
  }
});
