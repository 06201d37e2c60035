// What would be a dozen calls between WASM and the runtime through the crate, and is one here: most of what a small webhook
// costs is such calls. bench/README.md says how to measure that.

/** Every header of a request, in one text. */
export function headerLines(headers) {
  let lines = "";
  for (const [name, value] of headers) lines += `${name}:${value}\n`;
  return lines;
}

/** An answer; `lines` has a line for each header. No header comes twice. */
export function answer(status, lines, body) {
  const headers = {};
  for (const line of lines.split("\n")) {
    const colon = line.indexOf(":");
    headers[line.slice(0, colon)] = line.slice(colon + 1);
  }
  return new Response(body, { status, headers });
}

/** The text of a queue message. The runtime makes the base64 of a body several times faster than WASM. */
export const messageText = (text, body) => (body === undefined ? text : `${text}${body.toBase64()}"}`);
