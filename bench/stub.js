// Stands in for KV, Queues, D1 and the destination. It speaks the HTTP protocol of the bindings and does as little as possible.
// A KV read is GET, a KV write is PUT, and a queue message is POST. OPTIONS returns the number of each. With KNOWN, each
// read finds its key.
// The runtime reads this answer of a queue.
const SENT = '{"metadata":{"metrics":{"backlogCount":0,"backlogBytes":0,"oldestMessageTimestamp":0}}}';
const NO_ROWS = { success: true, results: { columns: [], rows: [] }, meta: {} };
const calls = { get: 0, put: 0, send: 0 };

export default {
  async fetch(request, env) {
    switch (request.method) {
      case "GET":
        calls.get += 1;
        return env.KNOWN ? new Response("1") : new Response(null, { status: 404 });
      case "PUT":
        calls.put += 1;
        await request.arrayBuffer();
        return new Response(null);
      case "POST":
        if (new URL(request.url).pathname === "/query") {
          const statements = await request.json();
          return Response.json(Array.isArray(statements) ? statements.map(() => NO_ROWS) : NO_ROWS);
        }
        calls.send += 1;
        await request.arrayBuffer();
        return new Response(SENT);
      default:
        return Response.json(calls);
    }
  },
};
