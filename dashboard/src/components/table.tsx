// A table in a region that scrolls by itself, so that a wide table never makes the page wide.

import type { ComponentChildren } from "preact";

/** The head of a column: a text, the head of numbers, or a text that only a screen reader has. */
export type Column = string | { number: string } | { hidden: string };

export function Table(props: {
  label: string;
  columns: Column[];
  /** `list` fills the view, `short` has a bounded height. */
  kind?: "list" | "short";
  /** A class of the table. */
  name?: string;
  children: ComponentChildren;
}) {
  const { label, columns, kind, name, children } = props;
  return (
    <div class={kind ? `table-wrap ${kind}` : "table-wrap"} tabIndex={0} role="region" aria-label={label}>
      <table class={name}>
        <thead>
          <tr>
            {columns.map((column, at) => (
              <th key={at} scope="col" class={typeof column === "object" && "number" in column ? "num" : undefined}>
                {headOf(column)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>{children}</tbody>
      </table>
    </div>
  );
}

function headOf(column: Column) {
  if (typeof column === "string") return column;
  return "number" in column ? column.number : <span class="visually-hidden">{column.hidden}</span>;
}
