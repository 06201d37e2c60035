// The time line of one event: what happened in order, and what follows. Pure.

import type { EventDetail } from "./api.ts";

export type Tone = "good" | "bad" | "warn" | "neutral" | "next";
export interface Moment {
  at: string | null;
  tone: Tone;
  title: string;
  detail?: string;
  /** The answer's status and its duration, for an attempt. */
  status?: number | null;
  ms?: number;
  /** The milliseconds since the moment before. */
  gap?: number;
}

/** Every moment of the event, the first one first. The last one may be in the future. */
export function timelineOf(event: EventDetail): Moment[] {
  const moments: Moment[] = [
    {
      at: event.received,
      tone: "neutral",
      title: "Received",
      detail:
        event.state === "filtered" ? "Authentic. The source does not want its type." : "Authentic, new and durable.",
    },
  ];
  // An attempt belongs to the delivery, to a redrive or to a replay. The queue numbers the attempts of each, and it also counts
  // the times that it handed over an event that was paused.
  const runs = new Map<string, number>();
  let redrives = event.history[0]?.redrive ?? 0;
  for (const attempt of event.history) {
    const run = `${attempt.redrive} ${attempt.replay ?? ""}`;
    const begins = attempt.number === 1 || !runs.has(run);
    if (begins && attempt !== event.history[0])
      moments.push({ at: attempt.at, tone: "neutral", title: attempt.redrive > redrives ? "Redriven" : "Sent again" });
    redrives = Math.max(redrives, attempt.redrive);
    const number = begins ? 1 : runs.get(run)! + 1;
    runs.set(run, number);
    const worked = attempt.error === null && attempt.status !== null && attempt.status < 300;
    moments.push({
      at: attempt.at,
      tone: worked ? "good" : "bad",
      title: `Attempt ${number}`,
      detail: worked
        ? "The destination accepted the event."
        : (attempt.error ?? `The destination answered ${attempt.status}.`),
      status: attempt.status,
      ms: attempt.ms,
    });
  }
  moments.push(...endOf(event));
  return moments.map((moment, at) => {
    const before = moments[at - 1]?.at;
    const gap = before && moment.at ? Date.parse(moment.at) - Date.parse(before) : NaN;
    return gap >= 0 ? { ...moment, gap } : moment;
  });
}

function endOf(event: EventDetail): Moment[] {
  switch (event.state) {
    case "delivered":
      return event.history.length > 0 ? [] : [{ at: event.delivered, tone: "good", title: "Delivered" }];
    case "retrying":
      return [{ at: event.next_attempt, tone: "next", title: "Next attempt", detail: "The event waits in the queue." }];
    case "waiting":
      return [{ at: event.next_attempt, tone: "next", title: event.next_attempt ? "Next attempt" : "Waiting" }];
    case "paused":
      return [
        { at: null, tone: "next", title: "Paused", detail: "Events are kept. Nothing is sent until it goes on." },
      ];
    case "dead":
      return [
        { at: event.updated, tone: "bad", title: "Dead letter", detail: "No attempt follows. It can be sent again." },
      ];
    case "filtered":
      return [
        {
          at: event.updated,
          tone: "neutral",
          title: "Filtered",
          detail: "Not forwarded. It can be sent all the same.",
        },
      ];
  }
}
