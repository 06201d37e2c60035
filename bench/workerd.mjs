// Runs one contender in a plain workerd process without Miniflare. The stub is its KV, queue and destination.
import { execFileSync, spawn } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { SECRETS, SOURCES } from "./workloads.mjs";

const workerd = createRequire(import.meta.url)("workerd").default;
const here = import.meta.dirname;
const wrangler = readFileSync(join(here, "../wrangler.toml"), "utf8");
const compatibilityDate = /^compatibility_date = "(.+)"/m.exec(wrangler)[1];
const TICKS_PER_SECOND = 100; // USER_HZ, which is the same on every Linux

const DATABASE = '(moduleName = "cloudflare-internal:d1-api", innerBindings = [(name = "fetcher", service = "stub")])';

const quoted = (text) => JSON.stringify(text); // capnp writes ASCII texts as JSON does

/**
 * The configuration of workerd. `files`: the modules of the Worker, the entry first. `known`: each look-up in KV finds its
 * key. `exact`: the directory of the Durable Objects, or nothing. `log`: the Worker has the database LOG.
 */
function configuration(files, { known, exact, log }) {
  const modules = files.map((file) => {
    const name = basename(file);
    return `(name = ${quoted(name)}, ${name.endsWith(".wasm") ? "wasm" : "esModule"} = embed ${quoted(name)})`;
  });
  const variables = Object.entries(SECRETS).map(([name, value]) => `(name = ${quoted(name)}, text = ${quoted(value)})`);
  const withDedup = ([name, source]) => [name, exact ? { ...source, dedup: "exact" } : source];
  const sources = Object.fromEntries(Object.entries(SOURCES).map(withDedup));
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "contender", worker = .contender),
    (name = "stub", worker = .stub),
    ${exact ? `(name = "objects", disk = (path = ${quoted(exact)}, writable = true)),` : ""}
  ],
  sockets = [
    (name = "contender", address = "127.0.0.1:0", http = (), service = "contender"),
    (name = "stub", address = "127.0.0.1:0", http = (), service = "stub"),
  ],
);
const contender :Workerd.Worker = (
  compatibilityDate = ${quoted(compatibilityDate)},
  modules = [${modules.join(", ")}],
  bindings = [
    (name = "DEDUP", kvNamespace = "stub"),
    (name = "EVENTS", queue = "stub"),
    (name = "SOURCES", json = ${quoted(JSON.stringify(sources))}),
    ${exact ? '(name = "CLAIMS", durableObjectNamespace = "Claims"),' : ""}
    ${log ? `(name = "LOG", wrapped = ${DATABASE}),` : ""}
    ${variables.join(",\n    ")},
  ],
  ${exact ? 'durableObjectNamespaces = [(className = "Claims", uniqueKey = "claims", enableSql = true)],' : ""}
  ${exact ? 'durableObjectStorage = (localDisk = "objects"),' : ""}
  globalOutbound = "stub",
);
const stub :Workerd.Worker = (
  compatibilityDate = ${quoted(compatibilityDate)},
  modules = [(name = "stub.js", esModule = embed "stub.js")],
  bindings = [(name = "KNOWN", json = "${known ?? false}")],
);
`;
}

/** The child processes. All of them end with this process. */
const running = new Set();
process.on("exit", () => running.forEach((child) => child.kill("SIGKILL")));
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => process.exit(1));

/** Starts a contender. Resolves when the contender listens. `took_ms` is the duration of the start. */
export async function start(files, { known, exact: withObjects, log }) {
  const directory = mkdtempSync(join(tmpdir(), "bench-"));
  for (const file of [...files, join(here, "stub.js")]) copyFileSync(file, join(directory, basename(file)));
  const exact = withObjects && join(directory, "objects");
  if (exact) mkdirSync(exact);
  writeFileSync(join(directory, "config.capnp"), configuration(files, { known, exact, log }));
  // The configuration is compiled first, so that a start does not include the parsing of the text with the embedded files.
  const config = join(directory, "config");
  writeFileSync(config, execFileSync(workerd, ["compile", "--config-only", `${config}.capnp`], { maxBuffer: 2 ** 26 }));
  // The log lines are written and thrown away: the runtime's work for them counts, a terminal's work does not.
  const stdio = ["ignore", "ignore", "pipe", "pipe"];
  const began = performance.now();
  const child = spawn(workerd, ["serve", "--control-fd=3", "--binary", config], { stdio });
  running.add(child);
  let complaints = "";
  child.stderr.on("data", (text) => (complaints = `${complaints}${text}`.slice(-4000)));
  const exited = new Promise((resolve) => child.once("exit", resolve));
  const stop = async () => {
    child.kill("SIGKILL");
    await exited;
    running.delete(child);
    rmSync(directory, { recursive: true, force: true });
  };
  try {
    const { contender: port, stub } = await listening(child, exited);
    return { pid: child.pid, port, stub, took_ms: performance.now() - began, stop, complaints: () => complaints };
  } catch (error) {
    await stop();
    throw new Error(`workerd did not start: ${error.message}\n${complaints}`);
  }
}

function listening(child, exited) {
  return new Promise((resolve, reject) => {
    const ports = {};
    const late = setTimeout(() => reject(new Error("it does not listen after 20 s")), 20_000);
    exited.then(() => (clearTimeout(late), reject(new Error("the process ended"))));
    let text = "";
    child.stdio[3].on("data", (chunk) => {
      text += chunk;
      const lines = text.split("\n");
      text = lines.pop();
      for (const line of lines.map((line) => JSON.parse(line))) if (line.event === "listen") ports[line.socket] = line.port;
      if (Object.keys(ports).length === 2) (clearTimeout(late), resolve(ports));
    });
  });
}

/** The number of calls of each kind that the stub received so far. */
export async function calls(stub) {
  const answer = await fetch(`http://127.0.0.1:${stub}/`, { method: "OPTIONS", signal: AbortSignal.timeout(5000) });
  return answer.json();
}

/**
 * The CPU seconds of a process so far, user and system, for all its threads. The kernel's count of nanoseconds allows short
 * turns. Without that count, the result is in ticks.
 */
export function cpuSeconds(pid) {
  try {
    const threads = readdirSync(`/proc/${pid}/task`);
    const nanoseconds = (thread) => Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, "utf8").split(" ", 1)[0]);
    return threads.reduce((sum, thread) => sum + nanoseconds(thread), 0) / 1e9;
  } catch {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
  }
}

/** The CPU seconds of the whole machine so far, without idle time. */
export function machineSeconds() {
  const fields = readFileSync("/proc/stat", "utf8").split("\n", 1)[0].trim().split(/\s+/).slice(1, 9).map(Number);
  const [user, nice, system, , , irq, softirq, steal] = fields;
  return (user + nice + system + irq + softirq + steal) / TICKS_PER_SECOND;
}
