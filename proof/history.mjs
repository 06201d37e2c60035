// The whole history of an event, for a person who must find out how it was lost.

/** One line for each step, with its time in milliseconds after the first. Then the log's rows, and the letters in R2. */
export async function history(event, { ledger, runtime }) {
  const { key = "unknown", name, system } = event;
  const lines = ledger.lines.filter(({ line }) => line.includes(key)).map(({ at, line }) => ({ at, step: line }));
  const reported = ledger.reports.filter(({ about }) => about.includes(key));
  const faults = reported.map(({ at, kind, about }) => ({ at, step: `fault ${kind}: ${about.slice(0, 150)}` }));
  const kills = ledger.kills.map((at) => ({ at, step: "the runtime is killed" }));
  const since = event.steps[0].at;
  const steps = [...event.steps, ...lines, ...faults, ...kills].filter(({ at }) => at >= since);
  const told = steps.sort((one, other) => one.at - other.at).map(({ at, step }) => `${at - since} ${step}`);
  const rows = (await runtime.logged(key)).map((row) => `in the log: ${JSON.stringify(row)}`);
  const parked = (await runtime.parked()).filter((message) => message.includes(key));
  const stored = parked.map((message) => `a dead letter in R2: ${message.slice(0, 300)}`);
  return [`${name} of ${system}, key ${key}`, ...told, ...rows, ...stored].join("\n  ");
}
