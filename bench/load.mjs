// Sends the load, in a separate process. It uses keep-alive connections over loopback, with one request at a time on each.
// The parent sends orders: `{ port, workload, status, requests, connections, seconds }`. The report of an order has its
// duration in seconds and every latency in milliseconds.
import net from "node:net";
import { WORKLOADS, requestsFor } from "./workloads.mjs";

const END_OF_HEAD = Buffer.from("\r\n\r\n");
const idle = new Map(); // connections, by port

async function run({ port, workload, status, requests, connections, seconds: most }) {
  const pool = requestsFor(workload, requests); // different events, because the gateway remembers recent events
  const latencies = [];
  let sent = 0;
  const { sends } = WORKLOADS[workload];
  const kept = idle.get(port)?.splice(0).filter((socket) => !socket.destroyed) ?? [];
  const sockets = await Promise.all(Array.from({ length: connections }, (_, n) => kept[n] ?? connect(port)));
  const began = performance.now();
  try {
    await new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`${latencies.length} of ${requests} answers in ${most} s`)), most * 1000);
      const finish = (error) => (clearTimeout(late), error ? reject(error) : resolve());
      for (const socket of sockets) use(socket);

      /** Sends one request after the other over `socket`. With `sends`, each request uses a new connection. */
      function use(socket) {
        let at = 0;
        const next = () => {
          if (sent >= requests) return;
          const request = pool[sent];
          sent += 1;
          at = performance.now();
          socket.write(sends ? request.subarray(0, sends) : request);
        };
        const hangUp = () => {
          letGo(socket);
          socket.destroy();
          if (sent < requests) connect(port).then((other) => (sockets.push(other), use(other)), finish);
        };
        let got = Buffer.alloc(0);
        socket.on("data", (chunk) => {
          got = got.length === 0 ? chunk : Buffer.concat([got, chunk]);
          const answer = read(got);
          if (!answer) return;
          got = got.subarray(answer.length);
          if (answer.status !== status) return finish(new Error(`answered ${answer.status}, not ${status}: ${answer.text}`));
          latencies.push(performance.now() - at);
          if (latencies.length === requests) finish();
          else if (sends) hangUp();
          else next();
        });
        socket.on("error", finish);
        socket.on("close", () => latencies.length < requests && finish(new Error("the connection was closed")));
        next();
      }
    });
  } catch (error) {
    for (const socket of sockets) socket.destroy();
    throw error;
  }
  const seconds = (performance.now() - began) / 1000;
  for (const socket of sockets) keep(port, socket, sends);
  return { seconds, latencies };
}

/** Keeps the connection for the next order. With `sends`, closes it, because each request needs a new connection. */
function keep(port, socket, sends) {
  if (sends) return socket.destroy();
  letGo(socket);
  idle.set(port, [...(idle.get(port) ?? []), socket]);
}

/** Removes our listeners. Node still notices when the server closes the connection. */
function letGo(socket) {
  for (const event of ["data", "error", "close"]) socket.removeAllListeners(event);
  socket.on("error", () => {});
}

function connect(port) {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ port, host: "127.0.0.1", noDelay: true });
    socket.once("connect", () => (socket.off("error", reject), resolve(socket)));
    socket.once("error", reject);
  });
}

/** The answer at the start of `bytes`, or `undefined` if it is not complete. */
function read(bytes) {
  const end = bytes.indexOf(END_OF_HEAD);
  if (end < 0) return undefined;
  const head = bytes.latin1Slice(0, end);
  const told = /\r\ncontent-length: *(\d+)/i.exec(head);
  if (!told) throw new Error(`an answer without a content-length:\n${head}`);
  const length = end + END_OF_HEAD.length + Number(told[1]);
  if (bytes.length < length) return undefined;
  return { length, status: Number(head.slice(9, 12)), text: bytes.utf8Slice(end, length).trim() };
}

process.on("message", async (order) => {
  try {
    process.send(await run(order));
  } catch (error) {
    process.send({ error: error.message });
  }
});
process.on("disconnect", () => process.exit());
