// An operator, who knows the gateway only by its API. The tests `jobs-….test.mjs` do the work of an operator with it.
import assert from "node:assert/strict";
import { eventually } from "./http.mjs";

export class Operator {
  #gateway;

  /** `gateway` serves the API. */
  constructor(gateway) {
    this.#gateway = gateway;
  }

  /** The JSON at `path`. */
  async get(path) {
    const answer = await this.#gateway.api(path);
    assert.equal(answer.status, 200, `${path}: ${answer.body}`);
    return answer.json();
  }

  /** POSTs `body` to `path`. */
  ask(path, body) {
    return this.#gateway.api(path, { method: "POST", body: body && JSON.stringify(body) });
  }

  /** POSTs `body` to `path`, and must be answered 200. Returns the JSON. */
  async order(path, body) {
    const answer = await this.ask(path, body);
    assert.equal(answer.status, 200, `${path}: ${answer.body}`);
    return answer.json();
  }

  /** All events that a filter selects, over all pages. */
  async events(query) {
    const found = [];
    let next = "";
    do {
      const page = await this.get(`events?${query}${next}`);
      found.push(...page.events);
      next = page.next === null ? undefined : `&cursor=${encodeURIComponent(page.next)}`;
    } while (next !== undefined);
    return found;
  }

  /** Waits until a filter selects exactly these ids of the provider. Returns the events. */
  async finds(query, ids) {
    const found = async () => {
      const events = await this.events(query);
      return same(events.map(({ event_id: id }) => id), ids) && events;
    };
    return eventually(`events?${query} is ${ids.length} events`, found);
  }

  /** Everything about the only event that a filter selects. */
  async event(query) {
    const [{ id }, ...others] = await this.events(query);
    assert.deepEqual(others, [], query);
    return this.get(`events/${id}`);
  }

  /** The numbers of a source: of all time, and of its attempts to `destination`. */
  async numbers(source, destination) {
    const { totals: [total] } = await this.get(`stats?source=${source}`);
    return { verdicts: total.verdicts, ...total.destinations[destination] };
  }

  /** The dead letters of a source. */
  async letters(source) {
    return (await this.get(`dead-letters?source=${source}`)).dead_letters;
  }

  /** Waits until no message is in the queue and no event is on its way, so that nothing more can arrive. */
  async quiet() {
    await eventually("an empty queue", async () => {
      const { backlog } = await this.get("stats");
      return backlog.queue.messages === 0 && backlog.events.length === 0;
    });
  }

  /** Makes the bulk replay of a dry run with `filter`. Waits for the delivery of each event. */
  async replay(filter, run) {
    const order = { ...filter, dry_run: false, rate: 100, token: run.token };
    const { id } = await this.order("replay", order);
    const ended = async () => {
      const job = await this.get(`replay/${id}`);
      return job.state === "done" && job.delivered + job.failed + job.skipped === run.selected && job;
    };
    return { job: await eventually("the end of the job", ended), again: () => this.order("replay", order) };
  }
}

/** Whether two lists have the same members, in any order. */
export const same = (one, other) => JSON.stringify([...one].sort()) === JSON.stringify([...other].sort());

/** Waits for the next second, because the log knows the time to a second. Returns it in RFC 3339. */
export async function nextSecond() {
  const next = Math.floor(Date.now() / 1000) + 1;
  await eventually("the next second", () => Date.now() >= next * 1000);
  return new Date(next * 1000).toISOString().replace(".000Z", "Z");
}
