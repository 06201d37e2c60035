// The Worker's entry: the runtime's events go to WASM as they are.
import { DurableObject, WorkerEntrypoint } from "cloudflare:workers";
import module from "./index_bg.wasm";
import { admitRings, claimName, confirmClaim, expireClaims, fetch, initSync, openClaims, queue, releaseClaim, scheduled } from "hookgate";

initSync({ module });

export default class extends WorkerEntrypoint {
  fetch(request) {
    return fetch(request, this.env, this.ctx);
  }

  queue(batch) {
    return queue(batch, this.env);
  }

  scheduled() {
    return scheduled(this.env);
  }
}

// Holds the claims of one shard. Each step is one synchronous call, so nothing comes between its reading and its writing;
// the runtime lets no answer out before what was written is durable.
export class Claims extends DurableObject {
  #sql = this.ctx.storage.sql;
  #alarmed = false;

  constructor(...all) {
    super(...all);
    openClaims(this.#sql);
  }

  async claim(name, lease, ttl) {
    await this.#alarm(Date.now() + HOUR);
    return claimName(this.#sql, name, lease, ttl);
  }

  confirm(name, token, ttl) {
    return confirmClaim(this.#sql, name, token, ttl);
  }

  release(name, token) {
    return releaseClaim(this.#sql, name, token);
  }

  admit(current, before, hold) {
    return admitRings(this.#sql, current, before, hold);
  }

  // Deletes what expired, as long as there is something that will.
  async alarm() {
    this.#alarmed = false;
    const next = expireClaims(this.#sql);
    if (next !== undefined) await this.#alarm(Date.now() + next);
  }

  async #alarm(at) {
    if (this.#alarmed) return;
    if ((await this.ctx.storage.getAlarm()) === null) await this.ctx.storage.setAlarm(at);
    this.#alarmed = true;
  }
}

const HOUR = 3600 * 1000;
