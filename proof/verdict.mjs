// The fate of every event, and the cause of each repeated delivery.
//
// The rule. An exchange is *ambiguous* if the destination did its work and the gateway could not know or record this:
//   origin_reset     the destination cut the connection before its answer
//   killed           the runtime was killed between the forward and the end of the message's batch
//   late             the answer came after the forward's timeout, or shortly before it
//   confirm_failed   each try to confirm the delivery met an injected fault
//   stalled          the machine was so slow that a timeout may have passed (pulse.mjs)
// If all earlier exchanges of an event are ambiguous, a repeated delivery is explained: no gateway can avoid it. With
// `exact`, any other repeated delivery is unexplained. `kv` promises less, so it has more explanations:
//   given_twice      the queue delivered the message twice
//   copies_at_once   two copies were in flight at the same time
//   enqueued_unknown the queue stored the message and reported a failure
//   key_unwritten    the put of the key failed or hung
//   key_unseen       a look-up did not see the key yet
//   killed_early     the runtime was killed after the queue stored the message and before the key was put

/** The number of times that the Worker tries to confirm a claim. */
const CONFIRM_TRIES = 3;
/** The last requests of a killed runtime arrive a little later. */
const GRACE = 250;
const SOON = 500;
/**
 * The share of the forward's timeout within which the answer of the destination is in time. The rest is for the way to the
 * destination and back, which the gateway's timeout includes.
 */
const IN_TIME = 0.875;

const count = (event, pattern) => event.mischief.filter((kind) => pattern.test(kind)).length;
const told = (event, pattern) => count(event, pattern) > 0;

function ambiguity(event, { at, limit, reset, answered = Infinity }, { clock, stalls }) {
  if (reset) return "origin_reset";
  const grace = GRACE * clock.slowest;
  if (event.crashes.some(({ since, until }) => since <= at && at <= until + grace)) return "killed";
  if (answered - at > limit * IN_TIME) return "late";
  if (count(event, /^delivery CLAIMS.confirm_(before|hang)/) >= CONFIRM_TRIES) return "confirm_failed";
  const ended = Math.min(answered, at + limit);
  return stalls.some(({ since, until }) => since <= ended + grace && at - grace <= until) ? "stalled" : undefined;
}

/** With `kv`: the reason why the key of the event did not stop a copy. */
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

/** The cause of each success after the first. */
function repetitions(event, { dedup, ...run }) {
  const successes = event.exchanges.filter(({ processed }) => processed).sort((one, other) => one.at - other.at);
  const kinds = successes.map((exchange) => ambiguity(event, exchange, run));
  return successes.slice(1).map((_, at) => {
    const earlier = kinds.slice(0, at + 1);
    if (earlier.every(Boolean)) return earlier.at(-1);
    return (dedup === "kv" && leak(event, run)) || "unexplained";
  });
}

/** What became of an accepted event. */
function fate(event, pending) {
  if (event.exchanges.some(({ processed }) => processed)) return "delivered";
  if (event.letters > 0) return "dead";
  return pending.has(event) ? "pending" : "lost";
}

/**
 * The counts, and the events that a person must look at. Each accepted event is counted once. `pending` has the events that
 * are still in a queue.
 */
export function verdict(ledger, { dedup, pending, clock, stalls }) {
  ledger.attribute();
  const { kills } = ledger;
  const counts = { accepted: 0, delivered: 0, dead: 0, pending: 0, lost: 0, abandoned: 0, rekeyed: 0 };
  const explained = {};
  const unclear = [];
  for (const event of ledger.events.values()) {
    if (new Set(event.exchanges.map(({ key }) => key)).size > 1) counts.rekeyed += 1;
    for (const kind of repetitions(event, { dedup, kills, clock, stalls })) {
      ledger.count(kind, explained);
      if (kind === "unexplained" && dedup === "exact") unclear.push(event);
    }
    if (!event.accepted) {
      counts.abandoned += 1;
      continue;
    }
    counts.accepted += 1;
    const became = fate(event, pending);
    counts[became] += 1;
    if (became === "lost") unclear.push(event);
  }
  const { unexplained = 0, ...kinds } = explained;
  const duplicated = Object.values(explained).reduce((sum, count) => sum + count, 0);
  return { counts: { ...counts, duplicated, duplicated_unexplained: unexplained, explained: kinds }, unclear };
}
