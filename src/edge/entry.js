// The Worker's entry: the runtime's events go to WASM as they are.
import { WorkerEntrypoint } from "cloudflare:workers";
import module from "./index_bg.wasm";
import { fetch, initSync, queue } from "hookgate";

initSync({ module });

export default class extends WorkerEntrypoint {
  fetch(request) {
    return fetch(request, this.env, this.ctx);
  }

  queue(batch) {
    return queue(batch, this.env, this.ctx);
  }
}
