// A body and headers, as a person reads them. They come from outside: everything is text.

import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { hex, pretty, type Body } from "../body.ts";
import { beginning, shown, shownLines } from "../format.ts";
import { Choice, Copy, Text } from "./basics.tsx";

/** The most characters that are shown. More would make the page slow. */
const MOST = 100_000;

type Way = "pretty" | "raw" | "hex";

export function BodyView({ body, digestOf }: { body: Body; digestOf: string }) {
  const formatted = body.text === null || body.text.length > MOST ? null : pretty(body.text, MOST);
  const way = useSignal<Way>(formatted !== null ? "pretty" : body.text !== null ? "raw" : "hex");
  const digest = useSignal("");
  useEffect(() => {
    // Only a secure context has it; http on another host than localhost is none.
    if (!crypto.subtle) return;
    void crypto.subtle.digest("SHA-256", body.bytes as BufferSource).then((hash) => {
      digest.value = Array.from(new Uint8Array(hash), (byte) => byte.toString(16).padStart(2, "0")).join("");
    });
  }, [digestOf]);
  const ways: [Way, string][] = [];
  if (formatted !== null) ways.push(["pretty", "Pretty"]);
  if (body.text !== null) ways.push(["raw", "Raw"]);
  ways.push(["hex", "Hex"]);
  const text =
    way.value === "hex"
      ? hex(body.bytes)
      : way.value === "pretty" && formatted !== null
        ? formatted
        : (body.text ?? "");
  return (
    <div class="body-view">
      <div class="body-bar">
        <Choice
          label="How the body is shown"
          value={way.value}
          options={ways}
          onPick={(picked) => (way.value = picked)}
        />
        <Copy text={() => body.text ?? hex(body.bytes, body.bytes.length)} label="Copy the body" />
      </div>
      {body.bytes.length === 0 ? (
        <p class="muted quiet-text">The body is empty.</p>
      ) : (
        <pre class="code" tabIndex={0} role="region" aria-label="The body">
          <code dir="ltr">{shownLines(beginning(text, MOST))}</code>
        </pre>
      )}
      {text.length > MOST && <p class="muted quiet-text">Cut after {MOST} characters. The button copies all.</p>}
      {digest.value && (
        <p class="digest">
          <span class="muted">SHA-256</span> <Text text={digest.value} mono />
        </p>
      )}
    </div>
  );
}

export function Headers({ headers }: { headers: [string, string][] }) {
  if (headers.length === 0) return <p class="muted quiet-text">No header is kept.</p>;
  return (
    <div class="headers">
      <table>
        <thead class="visually-hidden">
          <tr>
            <th scope="col">Name</th>
            <th scope="col">Value</th>
          </tr>
        </thead>
        <tbody>
          {headers.map(([name, value], at) => (
            <tr key={at}>
              <th scope="row">
                <bdi>{shown(name)}</bdi>
              </th>
              <td>
                <Text text={value} mono empty="empty" />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
