// Starts and stops all parts around the Worker: the runtime, the queues, the destination, and the server that gets the
// reports of faults.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Origin, eventually, send } from "../tests/runtime/http.mjs";
import { Clock } from "./clock.mjs";
import { Dice } from "./dice.mjs";
import { Ledger } from "./ledger.mjs";
import { Pulse, contention } from "./pulse.mjs";
import { SYSTEMS } from "./provider.mjs";
import { Queue } from "./queue.mjs";
import { MAX_RETRIES } from "./rates.mjs";
import { Runtime } from "./runtime.mjs";
import { StandIn } from "./standin.mjs";

/** The longest run on a machine that keeps up, in milliseconds. The program ends then, even if a part hangs. */
const DEADLINE = 900_000;

export class World {
  ledger = new Ledger();
  /** Whether the destination accepts everything. */
  agrees = false;
  /** The binding of which every call fails, until `recover`. */
  away;
  #state;

  /**
   * Runs `use(world)` and returns its value. `plan` has the settings of the wrapper in the runtime, and `answer(world)`
   * makes the destination's answers. Everything is stopped at the end, even after an error.
   */
  static async with({ seed, dedup, isolates, haste, away, plan, answer }, use) {
    const world = Object.assign(new World(), { away });
    world.dice = new Dice(seed);
    world.clock = new Clock({ haste });
    if (haste) world.clock.slowDown(contention());
    let left = DEADLINE;
    const deadline = setInterval(() => (left -= 1000 / world.clock.slowness) < 0 && process.exit(2), 1000);
    try {
      await world.#start({ dedup, isolates, plan: { ...plan, seed }, answer });
      return await use(world);
    } finally {
      await world.#stop();
      clearInterval(deadline);
    }
  }

  async #start({ dedup, isolates, plan, answer }) {
    const { dice, ledger, clock } = this;
    this.#state = await mkdtemp(join(tmpdir(), "hookgate-"));
    this.origin = await Origin.start();
    if (answer) for (const system of SYSTEMS) this.origin.answers(system, answer(this));
    this.queues = this.#queues();
    this.standin = await StandIn.start({ queues: this.queues, dice, ledger, clock });
    // Each start of the runtime gets new settings.
    const told = () => ({ ...plan, ...this.#weather(), clock: { ...clock }, standin: this.standin.url });
    const wrote = (line) => ledger.lines.push({ at: Date.now(), line });
    const settings = { isolates, dedup, origin: this.origin.url, state: this.#state };
    this.runtime = await Runtime.start({ ...settings, plan: told, wrote });
    if (clock.full > 1) this.pulse = new Pulse({ clock, runtime: this.runtime });
  }

  async #stop() {
    await this.pulse?.close();
    const outside = [...Object.values(this.queues ?? {}), this.standin, this.origin];
    await Promise.allSettled([this.runtime?.close(), ...outside.map((one) => one?.close())]);
    await rm(this.#state, { recursive: true, force: true });
  }

  #queues() {
    const { dice, ledger, clock } = this;
    const give = (queue, messages) => this.#give(queue, messages);
    const heardDead = (...what) => ledger.heardDead(...what);
    const heard = (...what) => ledger.heard(...what);
    const DEAD = new Queue({ name: "hookgate-dead", dice, clock, give, heard: heardDead });
    const ends = { maxRetries: MAX_RETRIES, deadLetters: DEAD };
    return { DEAD, EVENTS: new Queue({ name: "hookgate-events", dice, clock, give, heard, ...ends, consumers: 4 }) };
  }

  /** Delivers a batch to one of the isolates. Returns the outcome of each message. */
  async #give(queue, messages) {
    await this.runtime.up; // a queue waits until the runtime is up
    const url = this.runtime.urls[Math.floor(Math.random() * this.runtime.urls.length)];
    const answer = await send(new URL("/.control/batch", url), {
      body: JSON.stringify({ queue, messages }),
      timeout: this.clock.stretched(60_000),
    });
    return answer.json();
  }

  /** Kills the runtime, and starts it again at a pace that the machine can keep. */
  async kill() {
    this.ledger.count("kill");
    this.ledger.kills.push(Date.now());
    await this.runtime.kill(() => this.pulse.adapt());
  }

  /** Stops all faults. A binding that is away stays away. */
  async calm() {
    this.dice.calm = true;
    await this.#forecast();
  }

  /** Ends the outage of the binding that is away. */
  async recover() {
    this.away = undefined;
    await this.#forecast();
  }

  #weather() {
    return { calm: this.dice.calm, away: this.away ?? "" };
  }

  async #forecast() {
    const body = JSON.stringify(this.#weather());
    await Promise.all(this.runtime.urls.map((url) => send(new URL("/.control/weather", url), { body })));
  }

  /** Runs the hourly sweep. It moves the dead letters in R2 into D1. */
  async sweep() {
    await send(new URL("/.control/sweep", this.runtime.urls[0]));
  }

  /**
   * Waits until the queues are empty and stay so, or until no message has left them for `within`. Returns the events still
   * in them. With `restarting`, the runtime is restarted at a slower pace if the machine does not keep up.
   */
  async drained(within, { restarting = false } = {}) {
    const rest = () => Object.values(this.queues).flatMap(({ messages }) => [...messages]);
    let [fewest, since] = [Infinity, Date.now()];
    const ended = async () => {
      const { length } = rest();
      if (length < fewest) [fewest, since] = [length, Date.now()];
      if (restarting && this.pulse.lags) await this.kill();
      const isEmpty = length === 0 && this.standin.late === 0;
      return isEmpty || Date.now() - since > this.clock.stretched(within);
    };
    await eventually("empty queues", ended, Infinity);
    return new Set(rest().map(({ body }) => this.ledger.ofMessage(body)));
  }
}
