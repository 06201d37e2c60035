// The choice of a span of time, which the address keeps.

import { SPANS, type Span } from "../readings.ts";
import { href, type View } from "../router.ts";
import { go } from "../state.ts";
import { Choice } from "./basics.tsx";

export function SpanChoice({ span, view }: { span: Span; view: View }) {
  return (
    <Choice
      label="Span of time"
      value={span}
      options={Object.keys(SPANS) as Span[]}
      onPick={(range) => go(href(view, null, { range }), true)}
    />
  );
}
