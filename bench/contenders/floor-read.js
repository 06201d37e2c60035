// The floor: reads the body and answers.
const INIT = { headers: { "content-type": "application/json", "cache-control": "no-store" } };

export default {
  async fetch(request) {
    await request.arrayBuffer();
    return new Response('{"received":true}', INIT);
  },
};
