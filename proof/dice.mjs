// Every decision of a run is a pure function of the seed, the name of the decision, and the number of earlier decisions
// with that name. So decisions with different names may come in any order.

/** A number from 0 to below 1. It depends only on `what`. */
export function chance(...what) {
  let hash = 2166136261; // FNV-1a
  for (const letter of what.join("\0")) hash = Math.imul(hash ^ letter.codePointAt(0), 16777619);
  let word = (hash + 0x6d2b79f5) | 0; // one step of mulberry32
  word = Math.imul(word ^ (word >>> 15), word | 1);
  word ^= word + Math.imul(word ^ (word >>> 7), word | 61);
  return ((word ^ (word >>> 14)) >>> 0) / 2 ** 32;
}

/** One of the kinds in `rates` (`{ kind: probability }`), or `undefined`. */
export function pick(rates, number) {
  for (const [kind, rate] of Object.entries(rates)) {
    if (number < rate) return kind;
    number -= rate;
  }
  return undefined;
}

/** Shuffles a copy of `list`. */
export function shuffled(list, ...what) {
  const keyed = list.map((item, at) => [chance(...what, at), item]);
  return keyed.sort(([one], [other]) => one - other).map(([, item]) => item);
}

export class Dice {
  /** Whether the faults have stopped. */
  calm = false;
  #seed;
  #asked = new Map();

  constructor(seed) {
    this.#seed = seed;
  }

  /** The fault of the next `what`: one of the kinds in `rates`, or `undefined`. */
  decide(what, rates) {
    if (this.calm) return undefined;
    return pick(rates, this.next(what));
  }

  /** The next number for `what`. */
  next(what) {
    const times = (this.#asked.get(what) ?? 0) + 1;
    this.#asked.set(what, times);
    return chance(this.#seed, what, times);
  }
}
