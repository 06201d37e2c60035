// The floor: reads the body and answers.
// The runtime copies a response faster than it reads an object.
const INIT = new Response(null, { headers: { "content-type": "application/json", "cache-control": "no-store" } });

export default {
  async fetch(request) {
    await request.arrayBuffer();
    return new Response('{"received":true}', INIT);
  },
};
