// Watches a page: what it asks for, what its policy reports, and what it shows.
import assert from "node:assert/strict";

/** The paths that the page may read. */
const PATHS = [
  /^\/dashboard(\/((app|style|icon)-[A-Z0-9]+\.(js|css|svg)|providers-[0-9a-f]{8}\.json))?$/,
  /^\/api\/(caller|stats|alerts|audit|dead-letters(\/groups)?|refused|(events|sources|replay)(\/[^/]+)?)$/,
];
/** What no text may make. */
const ELEMENTS = [
  ...["iframe", "frame", "object", "embed", "base", "img", "video", "style", "math", "foreignObject"],
  ...["script:not([src])", "link:not([rel=stylesheet], [rel=icon])", "meta[http-equiv]", "form[action]"],
].join();
/** What has a text of 300 characters at most. */
const BOUNDED = ".sample-head, .concerns li, .timeline li, .facts dd, .headers tr, .notice, .why";

/** Runs in the page before its scripts. */
function begin() {
  window.seen = { reports: [], longest: 0 };
  addEventListener("securitypolicyviolation", (event) => {
    window.seen.reports.push(`${event.violatedDirective} ${event.blockedURI} ${event.sample}`);
  });
  new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) window.seen.longest = Math.max(window.seen.longest, duration);
  }).observe({ entryTypes: ["longtask"] });
}

/** Runs in the page: goes to an address, waits until the view is read, and says what is wrong with what it shows. */
async function judge({ hash, inEachWay, elements, bounded }) {
  const problems = () => window.seen.problems(elements, bounded);
  if (hash !== undefined) location.hash = hash;
  const painted = () => new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
  // What a view reads for another address begins after a first painting.
  for (const _ of [1, 2]) await painted();
  for (let tries = 0; document.querySelector(".loading"); tries += 1) {
    if (tries > 2000) return ["the view is not read"];
    await new Promise((done) => setTimeout(done, 10));
  }
  const found = problems();
  if (!inEachWay) return found;
  // Each way in which a body is shown.
  for (const button of document.querySelectorAll(".body-bar .choice button")) {
    button.click();
    await new Promise((done) => setTimeout(done));
    found.push(...problems().map((problem) => `${button.textContent}: ${problem}`));
  }
  return found;
}

/** Runs in the page: what is wrong with what it shows. */
function problems(elements, bounded) {
  const found = [];
  const root = document.documentElement;
  if (root.scrollWidth > root.clientWidth) found.push(`${root.scrollWidth - root.clientWidth} pixels too wide`);
  if (window.owned !== undefined) found.push("a script ran");
  if ({}.owned !== undefined) found.push("the prototype of objects was changed");
  for (const element of document.querySelectorAll(elements))
    found.push(`an element ${element.outerHTML.slice(0, 100)}`);
  for (const link of document.querySelectorAll("a"))
    if (!/^#/.test(link.getAttribute("href") ?? "")) found.push(`a link to ${link.getAttribute("href")}`);
  for (const element of document.querySelectorAll("*"))
    for (const { name } of element.attributes) if (/^on/i.test(name)) found.push(`an attribute ${name}`);
  // A row of a list has one line. A fact has 300 characters at most, of which each may be shown as eight.
  for (const row of document.querySelectorAll(".list tbody tr, .flush .table-wrap tbody tr"))
    if (row.getBoundingClientRect().height > 45) found.push(`a row of ${row.getBoundingClientRect().height} pixels`);
  for (const item of document.querySelectorAll(bounded))
    if (item.getBoundingClientRect().height > 1400)
      found.push(`${item.className || item.tagName} of ${item.getBoundingClientRect().height} pixels`);
  const hidden = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Default_Ignorable_Code_Point}]/u;
  const check = (text, where) => {
    // A line end and a tab of a body, and the emoji form of a picture, are meant.
    const rest = text.replace(/(?<=\p{Extended_Pictographic})\ufe0f/gu, "");
    const match = hidden.exec(where.closest("pre") ? rest.replace(/[\n\t]/g, "") : rest);
    if (match)
      found.push(`hidden U+${match[0].codePointAt(0).toString(16)} in ${where.outerHTML.slice(0, 120)}`);
  };
  const walker = document.createTreeWalker(document.getElementById("app"), NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) check(walker.currentNode.data, walker.currentNode.parentElement);
  for (const element of document.querySelectorAll("[title], [aria-label], [placeholder]"))
    for (const name of ["title", "aria-label", "placeholder"]) check(element.getAttribute(name) ?? "", element);
  return found.slice(0, 5);
}

export class Watch {
  requests = 0;
  #strange = [];
  #page;
  #origin;

  /** Watches a page of `stage.page` before it goes anywhere. `changes`: the paths of the changes that a test asks for. */
  static async on(page, origin, changes = /^$/) {
    const watch = new Watch();
    watch.#page = page;
    watch.#origin = origin;
    page.on("request", (request) => watch.#judge(request, changes));
    page.on("popup", () => watch.#strange.push("a window was opened"));
    page.on("download", () => watch.#strange.push("a file was saved"));
    page.on("framenavigated", (frame) => {
      const { origin: where, pathname } = new URL(frame.url());
      if (frame !== page.mainFrame() || where !== origin || pathname !== "/dashboard")
        watch.#strange.push(`a navigation to ${frame.url()}`);
    });
    await page.addInitScript(begin);
    await page.addInitScript(`window.seen.problems = ${problems}`);
    return watch;
  }

  #judge(request, changes) {
    this.requests += 1;
    const { origin, pathname } = new URL(request.url());
    const isRead = request.method() === "GET" && PATHS.some((path) => path.test(pathname));
    const isChange = request.method() === "POST" && changes.test(pathname);
    if (origin !== this.#origin || !(isRead || isChange)) this.#strange.push(`${request.method()} ${request.url()}`);
  }

  /** Waits until the view has what it reads, and judges what it shows: with `inEachWay`, a body in each way. */
  async check(where, { hash, inEachWay = false } = {}) {
    const given = { hash, inEachWay, elements: ELEMENTS, bounded: BOUNDED };
    assert.deepEqual(await this.#page.evaluate(judge, given), [], where);
    assert.deepEqual(this.#strange, [], where);
  }

  /** Opens an address after `#`, and checks it. */
  open(hash, { where = hash, inEachWay } = {}) {
    return this.check(where.slice(0, 200), { hash, inEachWay });
  }

  /** The reports of the policy, and the longest time in which the page did nothing else, in milliseconds. */
  async end() {
    assert.ok(this.requests > 0, "the page asked for something");
    const { reports, longest } = await this.#page.evaluate(() => window.seen);
    assert.deepEqual(reports, []);
    return Math.round(longest);
  }
}
