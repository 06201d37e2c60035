// What would be a dozen calls between WASM and the runtime through the crate, and is one here: most of what a small webhook
// costs is such calls. bench/README.md says how to measure that.

/** Every header of a request, in one text. */
export function headerLines(headers) {
  let lines = "";
  for (const [name, value] of headers) lines += `${name}:${value}\n`;
  return lines;
}

/** An answer; `lines` has a line for each header. */
export function answer(status, lines, body) {
  const headers = lines.split("\n").map((line) => line.split(/:(.*)/s, 2));
  return new Response(body, { status, headers });
}
