// A server outside the runtime. The Worker sends it the messages for the queues and the reports of faults.
import { Server } from "../tests/runtime/http.mjs";
import { HANG, QUEUE } from "./rates.mjs";

export class StandIn extends Server {
  /** The number of messages that will be in a queue later, although their sender gave up. */
  late = 0;

  /** `queues` has the queues by name. */
  static start({ queues, dice, ledger, clock }) {
    return Object.assign(new StandIn(), { queues, dice, ledger, clock }).listen();
  }

  async handle({ url }, body, response) {
    const [, what, name, delaySeconds] = url.split("/");
    const text = body.toString();
    const took = what === "queue" ? this.#take(name, text, Number(delaySeconds)) : this.#note(JSON.parse(text));
    response.statusCode = await took;
    response.end();
  }

  async #take(name, text, delaySeconds) {
    const event = this.ledger.ofMessage(text);
    const kind = this.dice.decide(`send ${name} ${event.name}`, QUEUE);
    if (kind) this.ledger.count(`${name}.send_${kind}`);
    this.ledger.tell(event, `sent to ${name}: ${kind ?? "well"}`);
    if (kind === "before") return 500;
    if (kind === "hang") {
      this.late += 1;
      await this.clock.passes(HANG);
      this.late -= 1;
    }
    this.queues[name].push(text, delaySeconds);
    if (kind) event.mischief.push(`send_${kind}`);
    return kind === "after" ? 500 : 200;
  }

  async #note({ operation, kind, about }) {
    this.ledger.count(`${operation}_${kind}`);
    this.ledger.reports.push({ at: Date.now(), kind: `${operation}_${kind}`, about });
    if (kind === "hang") await this.clock.passes(HANG);
    return 200;
  }
}
