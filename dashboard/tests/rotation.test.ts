// How far the rotation of a secret is.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { SecretUse, Source } from "../src/api.ts";
import { nameAfter, rotationOf } from "../src/rotation.ts";

const secret = (name: string, state: SecretUse["state"], last_matched?: string): SecretUse =>
  ({ secret: name, state, text: `the text of ${name}`, ...(last_matched && { last_matched }) }) as SecretUse;
const told = (...secrets: SecretUse[]) =>
  rotationOf({ name: "billing", secrets } as Source, (at) => new Date(at).toISOString());
const statuses = (...secrets: SecretUse[]) => told(...secrets)?.steps.map(({ status }) => status).join(" ");

test("the name of the next secret is not taken", () => {
  assert.equal(nameAfter("BILLING_SECRET"), "BILLING_SECRET_2");
  assert.equal(nameAfter("BILLING_SECRET_2"), "BILLING_SECRET_3");
  assert.equal(nameAfter("A_2", ["A_3", "A_4"]), "A_5");
  assert.equal(nameAfter("S3_2026"), "S3_2026_2");
});

test("each stage has its next step", () => {
  assert.equal(told(), null);
  const at = "2026-01-15T12:00:00Z";
  assert.equal(statuses(secret("OLD", "in_use", at)), "now later later later later");
  const configured = [secret("OLD", "in_use", at), secret("NEW", "never_matched")] as const;
  assert.equal(statuses(...configured), "done done now later later");
  const changed = [secret("OLD", "in_use", at), secret("NEW", "in_use", at)] as const;
  assert.equal(statuses(...changed), "done done done now later");
  assert.match(told(...changed)?.steps[3]?.text ?? "", /not before 2026-01-18T12:00:00\.000Z/);
  assert.equal(told(...changed)?.state, "NEW is in use. Keep OLD until it is unused.");
  const quiet = [secret("OLD", "unused", at), secret("NEW", "in_use", at)] as const;
  assert.equal(statuses(...quiet), "done done done done now");
  assert.equal(told(...quiet)?.state, "NEW is in use. OLD is unused: safe to delete.");
});

test("a secret is deleted only if another one is in use, whatever the order of the names", () => {
  const at = "2026-01-15T12:00:00Z";
  const reversed = told(secret("NEW", "in_use", at), secret("OLD", "unused", at));
  assert.deepEqual([reversed?.old, reversed?.next], ["OLD", "NEW"]);
  for (const state of ["unused", "unknown", "never_matched", "in_use"] as const) {
    for (const other of ["unused", "unknown", "never_matched", "in_use"] as const) {
      const rotation = told(secret("A", state, at), secret("B", other, at));
      const isReady = rotation?.steps[4]?.status === "now";
      const [old, next] = rotation?.old === "A" ? [state, other] : [other, state];
      assert.equal(isReady, old === "unused" && next === "in_use", `${state} ${other}`);
    }
  }
});

test("every name stays in the configuration, until the old one is deleted", () => {
  const at = "2026-01-15T12:00:00Z";
  const rotation = told(secret("A", "unused", at), secret("B", "in_use", at), secret("C", "in_use", at));
  assert.match(rotation?.steps[1]?.command ?? "", /^secrets = \["A", "B", "C"\]/);
  assert.match(rotation?.steps[4]?.command ?? "", /^secrets = \["B", "C"\]\n[^]*wrangler secret delete A$/);
});
