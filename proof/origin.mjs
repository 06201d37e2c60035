// The destination behind the gateway. It does its work once for each forward, and the dice choose the answer.
import { FATES, FORWARD_TIMEOUT, ORIGIN, SLOW } from "./rates.mjs";
import { chance, pick } from "./dice.mjs";

/** The fate of an event at the destination. It is the same for every attempt. */
const fate = (seed, event) => pick(FATES, chance(seed, "fate", event.name));

/** An answer for `Origin.answers`. It records every exchange in the ledger. With `agrees`, it accepts everything. */
export function application(seed, world) {
  const { dice, ledger, clock } = world;
  return (response, { headers, body }) => {
    const event = ledger.ofBody(body);
    if (!event) {
      ledger.altered += 1;
      return response.end();
    }
    event.key ??= headers["idempotency-key"];
    const limit = clock.takes(FORWARD_TIMEOUT);
    const exchange = { at: Date.now(), limit, key: headers["idempotency-key"], processed: false, reset: false };
    event.exchanges.push(exchange);
    response.on("finish", () => (exchange.answered = Date.now()));
    const kind = world.agrees ? undefined : (fate(seed, event) ?? dice.decide(`forward ${event.name}`, ORIGIN));
    if (kind) ledger.count(`origin_${kind}`);
    ledger.tell(event, `attempt at the destination: ${kind ?? "accepted"}`);
    if (kind === "refused") return response.writeHead(410).end();
    if (kind === "failing" || kind === "error") return response.writeHead(500).end();
    exchange.processed = true;
    if (kind === "reset") {
      exchange.reset = true;
      return response.socket.destroy();
    }
    const [from, to] = SLOW;
    const after = kind === "slow" ? from + (to - from) * dice.next(`slow ${event.name}`) : 0;
    setTimeout(() => response.end(), clock.takes(after));
  };
}
