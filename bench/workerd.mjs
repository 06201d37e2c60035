// Runs one contender in one plain workerd, without Miniflare: its own configuration, and the stub as KV and queue.
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
const TICKS_PER_SECOND = 100; // USER_HZ, the same on every Linux

const quoted = (text) => JSON.stringify(text); // capnp's texts are written as JSON's, for what is plain ASCII

/**
 * `files`: the Worker's modules, the entry first. `known`: each look-up in KV finds its key. `exact`: the
 * directory of the objects that hold claims, where there are any.
 */
function configuration(files, { known, exact }) {
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

/** No process outlives this one. */
const running = new Set();
process.on("exit", () => running.forEach((child) => child.kill("SIGKILL")));
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => process.exit(1));

/** Starts a contender; resolves once it listens, with how long that took. */
export async function start(files, { known, exact: withObjects }) {
  const directory = mkdtempSync(join(tmpdir(), "bench-"));
  for (const file of [...files, join(here, "stub.js")]) copyFileSync(file, join(directory, basename(file)));
  const exact = withObjects && join(directory, "objects");
  if (exact) mkdirSync(exact);
  writeFileSync(join(directory, "config.capnp"), configuration(files, { known, exact }));
  // Compiled beforehand, so that a start does not count the reading of what is embedded in a text.
  const config = join(directory, "config");
  writeFileSync(config, execFileSync(workerd, ["compile", "--config-only", `${config}.capnp`], { maxBuffer: 2 ** 26 }));
  // Log lines are written, and thrown away: what the runtime does for them counts, a terminal does not.
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
    const late = setTimeout(() => reject(new Error("it took more than 20 s")), 20_000);
    exited.then(() => (clearTimeout(late), reject(new Error("it ended"))));
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

/** How many calls the stub had so far. */
export async function calls(stub) {
  const answer = await fetch(`http://127.0.0.1:${stub}/`, { method: "OPTIONS", signal: AbortSignal.timeout(5000) });
  return answer.json();
}

/**
 * CPU seconds of a process so far, user and system, over all its threads: in nanoseconds where the kernel counts them,
 * so that rounds may be short and the contenders' turns close together, else in ticks.
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

/** CPU seconds of the whole machine so far, idle ones left out. */
export function machineSeconds() {
  const fields = readFileSync("/proc/stat", "utf8").split("\n", 1)[0].trim().split(/\s+/).slice(1, 9).map(Number);
  const [user, nice, system, , , irq, softirq, steal] = fields;
  return (user + nice + system + irq + softirq + steal) / TICKS_PER_SECOND;
}
