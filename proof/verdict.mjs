// What became of every event, and why some came twice.
//
// The rule. An exchange is *ambiguous* when the origin did its work and the gateway could not know or note it:
//   origin_reset     the connection was cut instead of an answer
//   killed           the runtime was killed between the receipt and the end of the message's batch
//   late             the answer came after the forward's time-out
//   confirm_failed   each try to note the forward as done met an injected fault
//   stalled          the machine was so slow meanwhile that a limit may have passed (pulse.mjs)
// A delivery after ambiguous ones alone is explained: no gateway can avoid it. Any other is not, in `exact`. `kv` promises
// less, and explains more:
//   given_twice      the queue gave the message twice
//   copies_at_once   two copies were under way at the same time
//   enqueued_unknown the queue took the event and its sender was told otherwise
//   key_unwritten    the key's put failed, or hung
//   key_unseen       a look-up did not see the key yet
//   killed_early     the runtime was killed soon after the queue took the event, before the key was put

/** How often the Worker tries to confirm a claim. */
const CONFIRM_TRIES = 3;
/** What a dying runtime wrote arrives a little later. */
const GRACE = 250;
const SOON = 500;

const count = (event, pattern) => event.mischief.filter((kind) => pattern.test(kind)).length;
const told = (event, pattern) => count(event, pattern) > 0;

function ambiguity(event, { at, limit, reset, answered = Infinity }, { clock, stalls }) {
  if (reset) return "origin_reset";
  const grace = GRACE * clock.slowest;
  if (event.crashes.some(({ since, until }) => since <= at && at <= until + grace)) return "killed";
  if (answered - at > limit) return "late";
  if (count(event, /^delivery CLAIMS.confirm_(before|hang)/) >= CONFIRM_TRIES) return "confirm_failed";
  const ended = Math.min(answered, at + limit);
  return stalls.some(({ since, until }) => since <= ended + grace && at - grace <= until) ? "stalled" : undefined;
}

/** Why the event's key did not keep a copy of it back, where deduplication is `kv`. */
function leak(event, { kills, clock }) {
  if (told(event, /^queue_(twice|ack_lost)/)) return "given_twice";
  if (event.pushes.length < 2) return undefined;
  if (told(event, /^send_(after|hang)/)) return "enqueued_unknown";
  if (told(event, /^DEDUP.put/)) return "key_unwritten";
  if (told(event, /^DEDUP.get_stale/)) return "key_unseen";
  if (event.pushes.some((at) => kills.some((kill) => at - GRACE * clock.slowest <= kill && kill <= at + SOON * clock.slowest))) return "killed_early";
  const during = (one) => (other) => other !== one && one.since <= other.since && other.since <= one.until;
  return event.sends.some((one) => event.sends.some(during(one))) ? "copies_at_once" : undefined;
}

/** One kind for each success after the first: why it is there. */
function repetitions(event, { dedup, ...run }) {
  const successes = event.exchanges.filter(({ processed }) => processed).sort((one, other) => one.at - other.at);
  const kinds = successes.map((exchange) => ambiguity(event, exchange, run));
  return successes.slice(1).map((_, at) => {
    const earlier = kinds.slice(0, at + 1);
    if (earlier.every(Boolean)) return earlier.at(-1);
    return (dedup === "kv" && leak(event, run)) || "unexplained";
  });
}

/** Counts; `pending` are the events that are still in a queue. Each accepted event is counted once. */
export function verdict(ledger, { dedup, pending, clock, stalls }) {
  ledger.attribute();
  const { kills } = ledger;
  const counts = { accepted: 0, delivered: 0, dead: 0, pending: 0, lost: 0, abandoned: 0, rekeyed: 0 };
  const explained = {};
  for (const event of ledger.events.values()) {
    if (new Set(event.exchanges.map(({ key }) => key)).size > 1) counts.rekeyed += 1;
    for (const kind of repetitions(event, { dedup, kills, clock, stalls })) ledger.count(kind, explained);
    if (!event.accepted) {
      counts.abandoned += 1;
      continue;
    }
    counts.accepted += 1;
    if (event.exchanges.some(({ processed }) => processed)) counts.delivered += 1;
    else if (event.letters > 0) counts.dead += 1;
    else if (pending.has(event)) counts.pending += 1;
    else counts.lost += 1;
  }
  const { unexplained = 0, ...kinds } = explained;
  const duplicated = Object.values(explained).reduce((sum, count) => sum + count, 0);
  return { ...counts, duplicated, duplicated_unexplained: unexplained, explained: kinds };
}
