// What is known of each event from outside: what its provider was told, what the queue got, what the origin did.
import { createHash } from "node:crypto";

export class Ledger {
  /** By name: every event, with its history. */
  events = new Map();
  /** How often which fault struck. */
  faults = {};
  /** How often providers got which answer. */
  answers = {};
  /** Faults that the runtime told of, with a text that has the event's key or id in it. */
  reports = [];
  /** When the runtime was killed. */
  kills = [];
  /** Forwards whose bytes no provider signed. */
  altered = 0;
  #names = new Map();
  /** The history of the messages in which the Worker asks itself what its queues are called. */
  #probe = { name: "probe", pushes: [], exchanges: [], crashes: [], mischief: [], bodies: new Set(), letters: 0 };

  open(name, system) {
    const history = { sends: [], pushes: [], exchanges: [], crashes: [], mischief: [], bodies: new Set() };
    const event = { name, system, accepted: false, letters: 0, key: undefined, ...history };
    this.events.set(name, event);
    return event;
  }

  count(kind, tally = this.faults) {
    tally[kind] = (tally[kind] ?? 0) + 1;
  }

  /** A body that its provider signed; the event may then be found by it, and by its digest. */
  signed(event, body) {
    const digest = createHash("sha256").update(body).digest("hex");
    event.bodies.add(digest);
    this.#names.set(digest, event).set(event.name, event);
  }

  ofBody(body) {
    return this.#names.get(createHash("sha256").update(body).digest("hex"));
  }

  /** The event of a queue message; where its payload is elsewhere, by the id, which is the event's or the digest. */
  ofMessage(text) {
    const { id, data_base64, dedupkey, hookgate_probe } = JSON.parse(text);
    if (hookgate_probe) return this.#probe;
    const event = data_base64 ? this.ofBody(Buffer.from(data_base64, "base64")) : undefined;
    const found = event ?? this.#names.get(id.replace(/^sha256:/, ""));
    if (!found) throw new Error(`a message of no event: ${text.slice(0, 300)}`);
    found.key ??= dedupkey;
    return found;
  }

  /** What the events' queue tells. */
  heard(kind, message, since) {
    const event = this.ofMessage(message.body);
    if (kind === "pushed") event.pushes.push(Date.now());
    else if (kind === "crashed") event.crashes.push({ since, until: Date.now() });
    else {
      this.count(kind);
      event.mischief.push(kind);
    }
  }

  /** Once all is over: gives each event the faults that were told under its key. */
  attribute() {
    const byKey = new Map([...this.events.values()].map((event) => [event.key, event]));
    for (const { kind, about } of this.reports) {
      // The claim on a delivery has a longer name than the one on its event.
      for (const [, key, more] of about.matchAll(/([0-9a-f]{64})(\/\S*)?/g)) {
        byKey.get(key)?.mischief.push(more ? `delivery ${kind}` : kind);
      }
    }
  }
}
