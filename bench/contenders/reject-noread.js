// The floor of a refusal: answers 401, and reads nothing.
const HEADERS = { "content-type": "application/problem+json", "cache-control": "no-store" };
// The runtime copies a response faster than it reads an object.
const INIT = new Response(null, { status: 401, headers: HEADERS });

export default {
  fetch() {
    return new Response('{"title":"Not authentic","status":401}', INIT);
  },
};
