// The Worker behind a stand-in for Cloudflare Access. The local runtime has no identities, so a test states the identity in
// the header `test-access`, and the answer's header `test-asked` counts how often the Worker asked for it. Without that
// header, the Worker gets the runtime's own context.
import Worker, { Claims } from "./index.js";

export { Claims };

const IDENTITIES = {
  undefined: async () => undefined,
  null: async () => null,
  rejected: async () => {
    throw new Error("no identity");
  },
  thrown: () => {
    throw new Error("no identity");
  },
};

export default {
  async fetch(request, env, context) {
    const stated = request.headers.get("test-access");
    if (stated === null) return Worker.fetch(request, env, context);
    let asked = 0;
    const getIdentity = () => {
      asked += 1;
      return (IDENTITIES[stated] ?? (async () => JSON.parse(stated)))();
    };
    const access = { aud: "test", getIdentity };
    const answer = await Worker.fetch(request, env, { access, waitUntil: (work) => context.waitUntil(work) });
    const headers = new Headers(answer.headers);
    headers.set("test-asked", String(asked));
    return new Response(answer.body, { status: answer.status, headers });
  },
};
