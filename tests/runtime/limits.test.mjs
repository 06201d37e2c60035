// Bodies at the limits, and bodies over them.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { Gateway, runtimePid } from "./gateway.mjs";
import { eventually, openPost } from "./http.mjs";
import { delivery, source, sourcesOf } from "./providers.mjs";

const KIB = 1024;
const MIB = 1024 * KIB;
const gateway = await Gateway.start({
  sources: {
    ...sourcesOf(["small", "exact", "streamed", "endless", "unsigned"], "github", { deliver: "origin", max_body: "64KiB" }),
    default: source("github", { deliver: "origin" }),
    flooded: source("github"),
    large: source("github", { deliver: "origin", max_body: "25MiB" }),
    cut: source("github"),
  },
});
after(() => gateway.close());
const { origin } = gateway;

const of = (size) => delivery("github", { body: Buffer.alloc(size, "x") });
const chunked = ({ body, headers }) => ({ body, headers: { ...headers, "transfer-encoding": "chunked" } });

function assertTooLarge(answer) {
  assert.equal(answer.status, 413);
  assert.equal(answer.headers["content-type"], "application/problem+json");
  assert.equal(answer.headers["cache-control"], "no-store");
  assert.equal(answer.json().title, "Body too large");
}

/** Uploads `most` bytes in chunks. Returns the answer, and the bytes taken before the answer or the end of the connection. */
async function upload(name, headers, most = Infinity) {
  const socket = openPost(gateway.port, name, { ...headers, "transfer-encoding": "chunked" });
  let answer = "";
  let ended = false;
  socket.on("data", (data) => (answer += data));
  socket.on("error", () => (ended = true)).on("close", () => (ended = true));
  const chunk = Buffer.from(`4000\r\n${"x".repeat(0x4000)}\r\n`);
  const feed = () => {
    while (!answer && !ended && socket.bytesWritten < most && socket.write(chunk));
  };
  socket.on("drain", feed);
  feed();
  await eventually("an end of the upload", () => answer || ended, 10_000);
  const taken = socket.bytesWritten - socket.writableLength;
  socket.destroy();
  return { answer, taken };
}

/**
 * Checks that an endless upload is cut off. The bytes taken are the drained part and the buffers of two sockets. The runtime
 * may reset the connection before the sender reads the answer, so the log shows the answer.
 */
async function assertCutShort(name, headers, status, reason) {
  const { answer, taken } = await upload(name, headers);
  assert.match(answer, new RegExp(`^(HTTP/1\\.1 ${status} |$)`));
  assert.ok(taken < 16 * MIB, `${taken} bytes were taken`);
  const record = await gateway.logged({ source: name });
  assert.equal(record.status, status);
  assert.equal(record.reason, reason);
}

/** The memory of the runtime, in MiB. */
function memory() {
  const [, kib] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${runtimePid()}/status`, "utf8"));
  return Number(kib) / KIB;
}

// First and alone, because other tests would change the memory.
const linux = { skip: process.platform === "linux" ? false : "the memory is in /proc" };
test("100 MB in chunks, ten times: 413, and the memory of the runtime returns to its old size", linux, async () => {
  const { headers } = of(1);
  for (let at = 0; at < 25; at += 1) await gateway.post("default", of(MIB)); // until the runtime is warm
  const before = memory();
  for (let at = 0; at < 10; at += 1) {
    const { answer } = await upload("flooded", headers, 100e6);
    assert.match(answer, /^(HTTP\/1\.1 413 |$)/);
  }
  const refused = () => gateway.records("flooded").filter(({ reason }) => reason === "body_too_large");
  await eventually("ten refusals", () => refused().length === 10);
  await eventually(() => `1.5 times ${before} MiB; it is ${memory()}`, () => memory() < 1.5 * before);
});

test("eight forged bodies of 25 MiB at once use the memory of a few, and an authentic request is accepted", linux, async () => {
  const forged = { ...of(25 * MIB), headers: delivery("github", { key: "not the secret", body: "x" }).headers };
  const before = memory();
  let most = 0;
  const watching = setInterval(() => (most = Math.max(most, memory())), 20);
  const sent = of(25 * MIB);
  const all = [...Array.from({ length: 8 }, () => gateway.post("large", forged)), gateway.post("large", sent)];
  const statuses = (await Promise.all(all)).map(({ status }) => status);
  clearInterval(watching);
  assert.deepEqual(statuses, [...Array(8).fill(401), 200]);
  assert.ok(most - before < 5 * 25, `${Math.round(most - before)} MiB more than ${Math.round(before)}`);
});

test("a sender that announces a large body and sends little of it does not block other large bodies for long", async () => {
  const open = (sent) => {
    const socket = openPost(gateway.port, "large", { ...of(1).headers, "content-length": 20 * MIB });
    socket.write(Buffer.alloc(sent, "x"));
    return socket;
  };
  const sockets = [...Array.from({ length: 40 }, () => open(1)), open(2 * MIB)];
  const dripping = setInterval(() => sockets.forEach((socket) => socket.writable && socket.write("x")), 500);
  await delay(1000);
  try {
    assert.equal((await gateway.post("large", of(2 * MIB))).status, 200);
  } finally {
    clearInterval(dripping);
    sockets.forEach((socket) => socket.destroy());
  }
});

describe("a body", { concurrency: true }, () => {
  test("of exactly max_body is accepted, with a content length or in chunks", async () => {
    const sent = of(64 * KIB);
    assert.equal((await gateway.post("exact", sent)).status, 200);
    assert.equal((await gateway.post("streamed", chunked(sent))).status, 200);
    for (const name of ["exact", "streamed"]) assert.deepEqual(origin.of(name)[0].body, sent.body);
  });

  test("one byte or 1 MiB over max_body is drained and answered 413, with a content length or in chunks", async () => {
    for (const sent of [of(64 * KIB + 1), of(64 * KIB + 1000 * KIB)]) {
      assertTooLarge(await gateway.post("small", sent));
      assertTooLarge(await gateway.post("small", chunked(sent)));
    }
    assert.deepEqual(origin.of("small"), []);
    await gateway.logged({ source: "small", verdict: "rejected", reason: "body_too_large" });
  });

  test("that never ends is refused after a bounded part", async () => {
    await assertCutShort("endless", of(1).headers, 413, "body_too_large");
  });

  test("without a signature is answered 401 unread, even if the body never ends", async () => {
    const headers = { "content-type": "application/json" };
    assert.equal((await gateway.post("small", { body: Buffer.alloc(32 * KIB), headers })).status, 401);
    await assertCutShort("unsigned", headers, 401, "signature_missing");
  });

  test("that its sender cuts off is not accepted and does not disturb others", async () => {
    const sent = of(64);
    const socket = openPost(gateway.port, "cut", { ...sent.headers, "content-length": 64 });
    socket.write(sent.body.subarray(0, 32), () => socket.destroy());
    const record = await gateway.logged({ source: "cut" });
    assert.equal(record.reason, "body_broken");
    assert.equal((await gateway.post("cut", sent)).status, 200);
    await origin.received("cut");
    assert.equal(origin.of("cut").length, 1);
  });
});

gateway.provesThatNoSecretLeaves();
