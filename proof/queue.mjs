// A queue that outlives the runtime. It keeps each message until it is acknowledged, and delivers it at least once, in any
// order.
import { setTimeout as delay } from "node:timers/promises";
import { GIVING } from "./rates.mjs";

const BATCH = 10;
/** The delay before a killed runtime's messages are delivered again. Its last requests reach the destination earlier. */
const AFTER_CRASH = 300;

export class Queue {
  /** The messages that are not acknowledged: `{ id, body, timestamp, attempts, due, taken }`. */
  messages = new Set();
  #count = 0;
  #open = true;
  #pumps;

  /**
   * `give(name, messages)` delivers a batch and returns the outcome of each message, or throws if the runtime died. After
   * `maxRetries`, a message goes to the queue `deadLetters`. `heard(kind, message)` gets a report of each step.
   */
  constructor({ name, dice, clock, give, heard, maxRetries = Infinity, deadLetters = undefined, consumers = 1 }) {
    Object.assign(this, { name, dice, clock, give, heard, maxRetries, deadLetters });
    this.#pumps = Array.from({ length: consumers }, () => this.#pump());
  }

  /** Takes a message. It is handed over after `delaySeconds`. */
  push(body, delaySeconds = 0) {
    const times = { timestamp: this.clock.now(), due: Date.now() + this.clock.takes(delaySeconds * 1000) };
    const message = { id: `${this.name}-${++this.#count}`, body, attempts: 0, ...times };
    this.messages.add(message);
    this.heard("pushed", message);
  }

  async close() {
    this.#open = false;
    await Promise.all(this.#pumps);
  }

  async #pump() {
    while (this.#open) {
      const batch = this.#take();
      if (batch.length === 0) await delay(10);
      else await this.#hand(batch);
    }
  }

  #take() {
    const batch = [];
    for (const message of this.messages) {
      if (batch.length === BATCH) break;
      if (message.taken || message.due > Date.now() || this.#mischief(message)) continue;
      message.taken = true;
      message.attempts += 1;
      batch.push(message);
    }
    return batch;
  }

  /** Draws a fault for the message. Returns whether the message is held back. */
  #mischief(message) {
    const kind = this.dice.decide(`give ${message.id}`, GIVING);
    if (kind) this.heard(`queue_${kind}`, message);
    const soon = Date.now() + this.clock.stretched(500) * this.dice.next(`double ${message.id}`);
    if (kind === "twice") this.messages.add({ ...message, due: soon });
    if (kind === "ack_lost") message.unackable = true;
    if (kind === "late") message.due = Date.now() + this.clock.stretched(1000);
    return kind === "late";
  }

  async #hand(batch) {
    const since = Date.now();
    const messages = batch.map(({ id, body, timestamp, attempts }) => ({ id, body, timestamp, attempts }));
    const settled = await this.give(this.name, messages).catch(() => undefined);
    batch.forEach((message, at) => {
      message.taken = false;
      if (settled) this.heard(`settled ${JSON.stringify(settled[at])}`, message);
      if (!settled) {
        this.heard("crashed", message, since);
        this.#again(message, this.clock.stretched(AFTER_CRASH));
      } else if (!settled[at].acked) this.#again(message, this.clock.takes(settled[at].delaySeconds * 1000));
      else if (message.unackable) {
        message.unackable = false;
        this.#again(message, 0);
      } else this.messages.delete(message);
    });
  }

  #again(message, after) {
    message.due = Date.now() + after;
    if (message.attempts <= this.maxRetries) return;
    this.deadLetters.push(message.body);
    this.messages.delete(message);
  }
}
