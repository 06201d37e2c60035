// An operator's job: deliveries fail. The operator finds out why, repairs the cause, and sends what was given up.
import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { Gateway } from "./gateway.mjs";
import { Origin, eventually } from "./http.mjs";
import { Operator, same } from "./operator.mjs";
import { ADMIN_TOKEN, SECRETS, delivery, source, sourcesOf } from "./providers.mjs";

const apps = await Origin.start();
after(() => apps.close());
/** The port of the applications speaks no TLS. No program listens at port 1. */
const TLS = apps.url.replace("http:", "https:");
const CLOSED = "http://127.0.0.1:1";
const destination = (name) => ({ tls: `${TLS}/tls`, closed: `${CLOSED}/closed` })[name] ?? `${apps.url}/${name}`;

async function start(sources) {
  const secrets = { ...SECRETS, ADMIN_TOKEN };
  const gateway = await Gateway.start({ sources, secrets, vars: { ORIGIN: `${apps.url}/{source}` }, plain: true });
  after(() => gateway.close());
  const post = async (name) => {
    const sent = delivery("generic");
    assert.equal((await gateway.post(name, sent)).status, 200);
    return sent;
  };
  return { operator: new Operator(gateway), post };
}

describe("deliveries fail", { concurrency: true }, () => {
  test("the operator sees which destinations fail and why, repairs them, and each event arrives once", async () => {
    const { operator, post } = await start({
      ...sourcesOf(["healthy", "failing", "gone"], "generic"),
      tls: source("generic", { origin: destination("tls") }),
      closed: source("generic", { origin: destination("closed") }),
    });
    apps.answers("failing", (response) => response.writeHead(500).end());
    apps.answers("gone", (response) => response.writeHead(410).end());
    const names = ["healthy", "failing", "gone", "tls", "closed"];
    const sent = Object.fromEntries(await Promise.all(names.map(async (name) => [name, await post(name)])));
    const again = await post("gone");
    const ids = (...names) => names.map((name) => sent[name].id);

    // The list by state, by status and by reason has these events, and no other.
    await operator.finds("state=delivered", ids("healthy"));
    await operator.finds("state=dead", [...ids("gone"), again.id]);
    await operator.finds("state=retrying", ids("failing", "tls", "closed"));
    await operator.finds("status=5xx", ids("failing"));
    await operator.finds("status=410,404", [...ids("gone"), again.id]);
    await operator.finds("status=502", []);
    await operator.finds("reason=origin_unreachable", ids("tls", "closed"));
    await operator.finds(`destination=${encodeURIComponent(TLS)}`, ids("tls"));

    // The numbers name the class of each failure.
    const failed = async (name) => {
      const { attempts } = await operator.numbers(name, destination(name));
      return Object.entries(attempts).filter(([, count]) => count > 0).map(([name]) => name);
    };
    const classes = await Promise.all(names.map(failed));
    assert.deepEqual(classes, [["2xx"], ["5xx"], ["4xx"], ["unreachable"], ["unreachable"]]);

    // Each event says why.
    const why = async (name) => (await operator.event(`id=${sent[name].id}`)).why;
    const failing = /^\d+ attempts? failed\. The reason: the origin answered 500\. The next attempt follows at 2/;
    assert.match(await why("failing"), failing);
    const gone = /^No attempt follows, after 1 attempt\. The reason: the origin answered 410\..* redrive/;
    assert.match(await why("gone"), gone);
    for (const name of ["tls", "closed"]) {
      assert.match(await why(name), /^\d+ attempts? failed\. The reason: \S.+\. The next attempt follows at 2/, name);
      const [attempt] = (await operator.event(`id=${sent[name].id}`)).history;
      assert.deepEqual([attempt.status, attempt.destination], [null, destination(name)]);
    }

    // After the repair, the gateway itself tries what failed. A dead event is redriven by its letter, another one replayed.
    for (const name of ["failing", "gone"]) apps.answers(name, (response) => response.end());
    const before = apps.of("failing").length;
    const letters = await eventually("the letters", async () => {
      const found = await operator.letters("gone");
      return found.length === 2 && found;
    });
    const [replayed] = await operator.events(`id=${again.id}`);
    await operator.order(`events/${replayed.id}/replay`);
    assert.deepEqual((await operator.letters("gone")).map((letter) => letter.event_id), [sent.gone.id]);
    assert.match(letters[0].reason, /answered 410/);
    assert.deepEqual(await operator.order("dead-letters/redrive", { source: "gone" }), { redriven: 1, failed: 0 });
    await operator.finds("state=delivered", [...ids("healthy", "failing", "gone"), again.id]);
    assert.deepEqual(await operator.order("dead-letters/redrive", {}), { redriven: 0, failed: 0 });

    const arrived = apps.of("gone").slice(2).map(({ body }) => body.toString());
    assert.ok(same(arrived, [sent.gone, again].map(({ body }) => body.toString())), `${arrived}`);
    assert.equal(apps.of("failing").length, before + 1);
    assert.equal(apps.of("healthy").length, 1);
    const { history } = await operator.event(`id=${sent.gone.id}`);
    assert.deepEqual(history.map(({ status, redrive }) => [status, redrive]), [[410, 0], [200, 1]]);
  });

  test("a destination that does not answer is named as such", async () => {
    const { operator, post } = await start(sourcesOf(["slow"], "generic"));
    apps.answers("slow", (response, request, earlier) => earlier > 0 && response.end());
    const sent = await post("slow");
    const event = await eventually("the attempt", async () => {
      const [found] = await operator.events("source=slow&state=retrying");
      return found && operator.get(`events/${found.id}`);
    }, 50_000);
    assert.deepEqual([event.event_id, event.status, event.reason], [sent.id, null, "origin_unreachable"]);
    assert.match(event.why, /time/i);
    assert.ok(event.history[0].ms >= 29_000, `${event.history[0].ms} ms`);
    await operator.finds("source=slow&state=delivered", [sent.id]);
    assert.equal(apps.of("slow").length, 2);
  });
});
