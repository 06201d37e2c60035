// Sends every example to the gateway that `make dev` runs, and prints the answers. If nothing listens where the gateway
// forwards to, this program is that destination for some seconds, and one source is paused. So the dashboard shows an event
// in each state. HOOKGATE names another command line.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import http from "node:http";
import { setTimeout as sleep } from "node:timers/promises";

const gateway = `http://127.0.0.1:${process.env.PORT || 8787}`;
const origin = new URL((process.env.ORIGIN || "http://127.0.0.1:9000").replace("{source}", "source"));
/** The source whose deliveries wait. */
const PAUSED = "relaybox";
/** The longest wait for the deliveries, and the time without one after which there are no more. */
const LONGEST = 8000;
const QUIET = 2000;
let lastAttempt = Date.now();

/** How the destination answers: it refuses one type, and is broken for one source. */
function statusFor(path, body) {
  if (path.endsWith("lrdefender")) return 503;
  return body.includes('"authentication.failed"') ? 410 : 200;
}

/** Listens where the gateway forwards to. `null` if another server listens there, or if that is another machine. */
async function destination() {
  if (!["127.0.0.1", "localhost"].includes(origin.hostname)) return null;
  const server = http.createServer(async (request, response) => {
    const chunks = [];
    lastAttempt = Date.now();
    for await (const chunk of request) chunks.push(chunk);
    // The connection ends with each answer, so that none is cut off when this program ends.
    const status = statusFor(request.url, Buffer.concat(chunks).toString());
    response.writeHead(status, { connection: "close" }).end();
  });
  server.listen(Number(origin.port || 80), origin.hostname);
  return once(server, "listening").then(
    () => server,
    () => null,
  );
}

/** The token of the API, as `make dev` has it. TOKEN names another one. */
function token() {
  if (process.env.TOKEN) return process.env.TOKEN;
  if (!existsSync(".dev.vars")) return "";
  return /^ADMIN_TOKEN=["']?([^"'\n]*)/m.exec(readFileSync(".dev.vars", "utf8"))?.[1] ?? "";
}

/** A call of the API. `null` if there is no answer 200. */
async function api(path, init = {}) {
  const headers = { authorization: `Bearer ${token()}` };
  const answer = await fetch(`${gateway}/api/${path}`, { ...init, headers }).catch(() => null);
  return answer?.ok ? answer.json() : null;
}

/** Waits until each accepted event had an attempt, and the log has one in each state; for some seconds at most. */
async function delivered() {
  const states = ["delivered", "retrying", "dead", "paused"];
  const has = async (state) => (await api(`events?state=${state}&limit=1`))?.events?.length > 0;
  for (const end = Date.now() + LONGEST; Date.now() < end; await sleep(500)) {
    const found = await Promise.all(states.map(has));
    if (found.every(Boolean) && Date.now() - lastAttempt > QUIET) return;
  }
}

const server = await destination();
if (server) {
  const reason = "make demo: so that you see events that wait";
  await api(`sources/${PAUSED}/pause`, { method: "POST", body: JSON.stringify({ reason }) });
}
const [program = "", ...words] = (process.env.HOOKGATE || "cargo hookgate").split(" ");
const command = spawn(program, [...words, "demo", "--url", gateway, ...process.argv.slice(2)], { stdio: "inherit" });
const [code] = await once(command, "exit");
if (server && code === 0) {
  await delivered();
  console.log(`
demo: nothing listened at ${origin.origin}, so this command was the destination for a moment: it accepted most events,
      refused one (a dead letter), and failed for lrdefender (retries). ${PAUSED} is paused: the dashboard can resume it`);
}
server?.closeAllConnections();
server?.close();
if (code === 0)
  console.log(`demo: open ${gateway}/dashboard#/overview?range=15m
      and sign in with ADMIN_TOKEN, which is in .dev.vars`);
process.exitCode = code ?? 1;
