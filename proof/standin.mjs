// What the Worker reaches outside the runtime: the queues' producers, and where it tells of the faults it suffers.
import http from "node:http";
import { once } from "node:events";
import { HANG, QUEUE } from "./rates.mjs";

export class StandIn {
  #server = http.createServer((request, response) => this.#serve(request, response));

  /** `queues` by name have a `push`. */
  static async start({ queues, dice, ledger, clock }) {
    const standin = Object.assign(new StandIn(), { queues, dice, ledger, clock });
    standin.#server.listen(0, "127.0.0.1");
    await once(standin.#server, "listening");
    return standin;
  }

  get url() {
    return `http://127.0.0.1:${this.#server.address().port}`;
  }

  async close() {
    this.#server.closeAllConnections();
    await new Promise((closed) => this.#server.close(closed));
  }

  async #serve(request, response) {
    const chunks = [];
    try {
      for await (const chunk of request) chunks.push(chunk);
    } catch {
      return; // the runtime died while it wrote
    }
    const text = Buffer.concat(chunks).toString();
    const [, what, name] = request.url.split("/");
    response.statusCode = what === "queue" ? await this.#take(name, text) : await this.#note(JSON.parse(text));
    response.end();
  }

  async #take(name, text) {
    const event = this.ledger.ofMessage(text);
    const kind = this.dice.decide(`send ${name} ${event.name}`, QUEUE);
    if (kind) this.ledger.count(`${name}.send_${kind}`);
    if (kind === "before") return 500;
    if (kind === "hang") await this.clock.passes(HANG); // it is taken long after its sender gave up
    this.queues[name].push(text);
    if (kind) event.mischief.push(`send_${kind}`);
    return kind === "after" ? 500 : 200;
  }

  async #note({ operation, kind, about }) {
    this.ledger.count(`${operation}_${kind}`);
    this.ledger.reports.push({ kind: `${operation}_${kind}`, about });
    if (kind === "hang") await this.clock.passes(HANG);
    return 200;
  }
}
