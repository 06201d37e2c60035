// Stands in for KV and Queues, behind the bindings' own HTTP protocol: as little as answers at all.
// KV reads are GET, KV writes PUT, a queue's messages POST. OPTIONS tells how many there were.
// KNOWN: each read finds its key.
const SENT = '{"metadata":{"metrics":{"backlogCount":0,"backlogBytes":0,"oldestMessageTimestamp":0}}}'; // it is read
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
        calls.send += 1;
        await request.arrayBuffer();
        return new Response(SENT);
      default:
        return Response.json(calls);
    }
  },
};
