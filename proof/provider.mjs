// The providers sign an event and send it until they get a 2xx. They retry sooner than real providers.
import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { send } from "../tests/runtime/http.mjs";
import { HOUR, PROVIDERS, delivery } from "../tests/runtime/providers.mjs";
import { COPIES, HANG, LARGE, PATIENCE } from "./rates.mjs";

const TRIES = 40;
/** `generic` signs an id. The identity of `relock` is a digest, so all its retries have the same bytes. */
export const SYSTEMS = ["generic", "relock"];

export class Provider {
  constructor({ runtime, dice, ledger, clock }) {
    Object.assign(this, { runtime, dice, ledger, clock });
  }

  /** Sends one event and its copies. */
  async deliver(name, system) {
    const event = this.ledger.open(name, system);
    const now = this.clock.now();
    event.at = now - (now % HOUR); // two runs in the same hour have the same keys
    const share = this.dice.next(`size of ${name}`) / LARGE.share;
    event.padding = share < 1 ? Math.floor(LARGE.bytes * (0.15 + 0.85 * share)) : 0;
    const copies = this.dice.decide(`copies of ${name}`, COPIES);
    if (copies) this.ledger.count(`provider_${copies}`);
    const first = this.#untilAccepted(event);
    if (copies === "at_once") await this.#untilAccepted(event);
    await first;
    if (copies !== "afterwards") return;
    await delay(this.clock.stretched(3000) * this.dice.next(`later ${name}`));
    await this.#untilAccepted(event);
  }

  async #untilAccepted(event) {
    let tried = 0;
    while (tried < TRIES) {
      // A try while the runtime starts does not count, because the machine decides how long the start takes.
      if (this.runtime.isUp) tried += 1;
      const answer = await this.#send(event);
      this.ledger.count(answer, this.ledger.answers);
      this.ledger.tell(event, `answer to the provider: ${answer}`);
      if (answer >= 200 && answer < 300) return void (event.accepted = true);
      if (answer >= 400 && answer < 500 && answer !== 429) return; // a retry would not help
      const waits = Math.min(50 * 2 ** tried, 1000);
      await delay(this.clock.stretched(waits) * (0.5 + this.dice.next(`wait ${event.name}`)));
    }
  }

  /** The status of the answer, or the reason why there is none. */
  async #send(event) {
    const sent = { since: Date.now(), until: Infinity };
    event.sends.push(sent);
    const signed = this.#sign(event);
    try {
      const url = new URL(`/webhooks/${event.system}`, this.runtime.urls[0]);
      const { status } = await send(url, { headers: signed.headers, body: signed.body, timeout: this.clock.takes(PATIENCE) });
      sent.until = Date.now();
      return status;
    } catch (error) {
      const late = /^no answer/.test(error.message);
      // The gateway goes on after the provider gave up.
      sent.until = Date.now() + (late ? this.clock.takes(HANG) : 0);
      return late ? "timeout" : "reset";
    }
  }

  #sign(event) {
    const at = event.system === "generic" ? this.clock.now() : event.at;
    const payload = { ...PROVIDERS[event.system].event(event.name, at), padding: "x".repeat(event.padding) };
    const signed = delivery(event.system, { id: event.name, at, body: JSON.stringify(payload) });
    this.ledger.signed(event, signed.body);
    return signed;
  }
}
