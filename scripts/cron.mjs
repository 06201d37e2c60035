// Runs the cron triggers of wrangler.toml for `make dev`, because the local runtime runs none by itself. Without them, no
// alert opens and nothing expires. The arguments: the URL of the Worker, and the process with whose end this ends.
import { readFileSync } from "node:fs";

const [url, parent] = process.argv.slice(2);
const [, list] = /^crons = (\[.*\])$/m.exec(readFileSync(new URL("../wrangler.toml", import.meta.url), "utf8"));
/** Each trigger with its minute: `*`, or a number. hookgate has no other ones. */
const crons = JSON.parse(list).map((cron) => [cron, cron.split(" ")[0]]);

function isOver() {
  try {
    return process.kill(Number(parent), 0) !== true;
  } catch {
    return true;
  }
}

let last = new Date().getMinutes();
setInterval(async () => {
  if (isOver()) process.exit();
  const minute = new Date().getMinutes();
  if (minute === last) return;
  last = minute;
  for (const [cron, at] of crons) {
    if (at !== "*" && Number(at) !== minute) continue;
    // A Worker that is not ready yet, or that a change restarts, has its next minute.
    await fetch(`${url}/cdn-cgi/handler/scheduled?cron=${encodeURIComponent(cron)}`).catch(() => {});
  }
}, 1000);
