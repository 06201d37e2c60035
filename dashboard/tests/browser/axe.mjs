// Accessibility, as axe finds it.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** Checks that the page has no violation of WCAG 2.2 AA. */
export async function accessible(page, where) {
  // A script of the test, not of the page: the policy does not apply to it.
  if (!(await page.evaluate(() => "axe" in window))) await page.evaluate(AXE);
  const found = await page.evaluate(async () => {
    const { violations } = await window.axe.run({
      runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"],
    });
    const nodesOf = (nodes) => nodes.slice(0, 3).map(({ html }) => html.slice(0, 160));
    return violations.map(({ id, nodes }) => `${id}: ${nodesOf(nodes).join(" | ")}`);
  });
  assert.deepEqual(found, [], where);
}
