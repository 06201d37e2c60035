// The Worker's entry: the runtime's events go to WASM as they are.
import { DurableObject } from "cloudflare:workers";
import { Work, call } from "./work.js";

// An object, since of a class the runtime would make an instance for each event.
export default {
  fetch(request, env, context) {
    return new Work(context, (instance) => instance.failed()).run("fetch", request, env);
  },

  // A Worker has six connections at a time. What waits for one has a limit that runs already: so as many messages are
  // begun as there are connections for their forwards, and one for everything else.
  queue({ queue, messages }, env) {
    const waiting = [...messages];
    const settle = (message) => {
      return new Work(undefined, (instance) => instance.giveBack(message)).run("settle", queue, message, env);
    };
    const oneByOne = async () => {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) await settle(next);
    };
    return Promise.all(Array.from({ length: AT_ONCE }, oneByOne));
  },

  scheduled(_, env) {
    return new Work(undefined, () => {}).run("scheduled", env);
  },
};

const AT_ONCE = 5;

// Holds the claims of one shard, or the secrets that providers sent. Each step is one synchronous call, so nothing comes
// between its reading and its writing; the runtime lets no answer out before what was written is durable.
export class Claims extends DurableObject {
  #sql = this.ctx.storage.sql;
  #alarmed = false;

  constructor(...all) {
    super(...all);
    call("openClaims", this.#sql);
  }

  async claim(name, lease, ttl, token) {
    await this.#alarm(Date.now() + HOUR);
    return call("claimName", this.#sql, name, lease, ttl, token);
  }

  forget(name) {
    return call("forgetClaim", this.#sql, name);
  }

  confirm(name, token, ttl) {
    return call("confirmClaim", this.#sql, name, token, ttl);
  }

  release(name, token) {
    return call("releaseClaim", this.#sql, name, token);
  }

  admit(current, before, hold) {
    return call("admitRings", this.#sql, current, before, hold);
  }

  async install(source, secret) {
    await this.#alarm(Date.now() + HOUR);
    return call("installSecret", this.#sql, source, secret);
  }

  installed(source) {
    return call("installedSecret", this.#sql, source);
  }

  // Deletes what expired, as long as there is something that will.
  async alarm() {
    this.#alarmed = false;
    const next = call("expireClaims", this.#sql);
    if (next !== undefined) await this.#alarm(Date.now() + next);
  }

  async #alarm(at) {
    if (this.#alarmed) return;
    if ((await this.ctx.storage.getAlarm()) === null) await this.ctx.storage.setAlarm(at);
    this.#alarmed = true;
  }
}

const HOUR = 3600 * 1000;
