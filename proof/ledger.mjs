// The history of each event, seen from outside: the answers to its provider, its messages, and the work of the destination.
import { createHash } from "node:crypto";

const blank = () => ({ sends: [], pushes: [], exchanges: [], crashes: [], mischief: [], steps: [], bodies: new Set() });

export class Ledger {
  /** The events by name, each with its history. */
  events = new Map();
  /** The number of each fault. */
  faults = {};
  /** The number of each answer to a provider. */
  answers = {};
  /** The faults that the runtime reported. The text of a report contains the key or the id of the event. */
  reports = [];
  /** The lines that the Worker logged: `{ at, line }`. */
  lines = [];
  /** The times of the kills. */
  kills = [];
  /** The number of forwards with bytes that no provider signed. */
  altered = 0;
  #names = new Map();
  /** The history of the messages of the Worker to itself: the probes of the queues' names, and the steps of jobs. */
  #own = { name: "own", letters: 0, ...blank() };

  open(name, system) {
    const event = { name, system, accepted: false, letters: 0, key: undefined, ...blank() };
    this.events.set(name, event);
    return event;
  }

  count(kind, tally = this.faults) {
    tally[kind] = (tally[kind] ?? 0) + 1;
  }

  /** Records a signed body of an event. The event is then found by the digest of the body and by its name. */
  signed(event, body) {
    const digest = createHash("sha256").update(body).digest("hex");
    event.bodies.add(digest);
    this.#names.set(digest, event).set(event.name, event);
  }

  ofBody(body) {
    return this.#names.get(createHash("sha256").update(body).digest("hex"));
  }

  /** The event of a queue message. A message without the body is found by its id: the event's id or the digest. */
  ofMessage(text) {
    const { id, data_base64, dedupkey, hookgate_probe, hookgate_replay } = JSON.parse(text);
    if (hookgate_probe || hookgate_replay) return this.#own;
    const event = data_base64 ? this.ofBody(Buffer.from(data_base64, "base64")) : undefined;
    const found = event ?? this.#names.get(id.replace(/^sha256:/, ""));
    if (!found) throw new Error(`a message without an event: ${text.slice(0, 300)}`);
    found.key ??= dedupkey;
    return found;
  }

  /** Records a step of an event. The steps are printed if the event is lost. */
  tell(event, step) {
    event.steps.push({ at: Date.now(), step });
  }

  /** Records a report of a queue of dead letters. */
  heardDead(kind, message) {
    this.tell(this.ofMessage(message.body), `${message.id}, attempt ${message.attempts}: ${kind}`);
    if (kind.startsWith("queue_")) this.count(kind);
  }

  /** Records a report of the events' queue. */
  heard(kind, message, since) {
    const event = this.ofMessage(message.body);
    this.tell(event, `${message.id}, attempt ${message.attempts}: ${kind}`);
    if (kind.startsWith("settled")) return;
    if (kind === "pushed") event.pushes.push(Date.now());
    else if (kind === "crashed") event.crashes.push({ since, until: Date.now() });
    else {
      this.count(kind);
      event.mischief.push(kind);
    }
  }

  /** At the end of a run, gives each event the faults that were reported with its key. */
  attribute() {
    const byKey = new Map([...this.events.values()].map((event) => [event.key, event]));
    for (const { kind, about } of this.reports) {
      // The name of a delivery's claim is the key and more. The name of an event's claim is the key.
      for (const [, key, more] of about.matchAll(/([0-9a-f]{64})(\/\S*)?/g)) {
        byKey.get(key)?.mischief.push(more ? `delivery ${kind}` : kind);
      }
    }
  }
}
