// The floor of a refusal: answers 401, and reads nothing.
const INIT = { status: 401, headers: { "content-type": "application/problem+json", "cache-control": "no-store" } };

export default {
  fetch() {
    return new Response('{"title":"Not authentic","status":401}', INIT);
  },
};
