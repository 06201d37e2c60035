// A chart of stacked columns over time, with the same numbers as a table.
//
// It is SVG, because its colours then follow the style sheet and need no repainting, and a column can be stacked. The
// geometry needs no library.

import { useSignal } from "@preact/signals";
import { type Column, roundUp, sum } from "../chart.ts";
import { clock, count, stamp } from "../format.ts";
import { Table } from "./table.tsx";

export interface Series {
  name: string;
  label: string;
  /** A class of the style sheet: `good`, `bad`, … */
  tone: string;
}

interface Props {
  title: string;
  series: Series[];
  columns: Column[];
  stepSeconds: number;
}

export function Chart({ title, series, columns, stepSeconds }: Props) {
  const at = useSignal<number | null>(null);
  const asTable = useSignal(false);
  const totals = series.map((_, index) => sum(columns.map(({ values }) => values[index] ?? 0)));
  return (
    <figure class="chart" aria-label={title}>
      <figcaption>
        <ul class="legend">
          {series.map(({ name, label, tone }, index) => (
            <li key={name}>
              <i class={`swatch ${tone}`} aria-hidden="true" />
              {label}
              <b>{count(totals[index] ?? 0)}</b>
            </li>
          ))}
        </ul>
        <button
          type="button"
          class="link"
          aria-pressed={asTable.value}
          onClick={() => (asTable.value = !asTable.value)}
        >
          {asTable.value ? "Chart" : "Table"}
        </button>
      </figcaption>
      {asTable.value ? (
        <Numbers title={title} series={series} columns={columns} />
      ) : (
        <Plot title={title} series={series} columns={columns} stepSeconds={stepSeconds} at={at} />
      )}
    </figure>
  );
}

function Plot({ title, series, columns, stepSeconds, at }: Props & { at: { value: number | null } }) {
  const top = roundUp(Math.max(1, ...columns.map(({ values }) => sum(values))));
  const long = stepSeconds * columns.length > 86_400 * 2;
  const label = (column: Column | undefined) =>
    column ? (long ? stamp(column.at).slice(5, 16) : clock(column.at, false)) : "";
  const ticks = [0, 0.25, 0.5, 0.75].map((part) => columns[Math.floor(part * columns.length)]);
  const hovered = at.value === null ? undefined : columns[at.value];
  const pick = (event: PointerEvent) => {
    const box = (event.currentTarget as Element).getBoundingClientRect();
    const index = Math.floor(((event.clientX - box.left) / box.width) * columns.length);
    at.value = Math.min(columns.length - 1, Math.max(0, index));
  };
  return (
    <div class="plot" onPointerMove={pick} onPointerLeave={() => (at.value = null)}>
      <span class="scale" aria-hidden="true">
        {count(top)}
      </span>
      <svg
        viewBox={`0 0 ${columns.length} 100`}
        preserveAspectRatio="none"
        role="img"
        aria-label={`${title}. The button “Table” shows the numbers.`}
      >
        <path class="grid" d={`M0 0H${columns.length}M0 50H${columns.length}M0 100H${columns.length}`} />
        {at.value !== null && <rect class="hover" x={at.value} y="0" width="1" height="100" />}
        {columns.map((column, index) => (
          <Stack key={column.at} x={index} column={column} series={series} top={top} />
        ))}
      </svg>
      <div class="ticks" aria-hidden="true">
        {ticks.map((column, index) => (
          <span key={index}>{label(column)}</span>
        ))}
        <span>now</span>
      </div>
      {hovered && sum(hovered.values) > 0 && (
        <div
          class={`tip ${at.value! > columns.length / 2 ? "left" : "right"}`}
          style={{ "--at": String((at.value! + 0.5) / columns.length) }}
        >
          <b>{stamp(hovered.at).slice(0, 16)}</b>
          {series.map(
            ({ name, label, tone }, index) =>
              (hovered.values[index] ?? 0) > 0 && (
                <span key={name}>
                  <i class={`swatch ${tone}`} />
                  {label}
                  <b>{count(hovered.values[index] ?? 0)}</b>
                </span>
              ),
          )}
        </div>
      )}
    </div>
  );
}

function Stack({ x, column, series, top }: { x: number; column: Column; series: Series[]; top: number }) {
  let below = 0;
  return (
    <>
      {series.map(({ name, tone }, index) => {
        const value = column.values[index] ?? 0;
        if (value === 0) return null;
        // A value beside large ones is still seen.
        const height = Math.max((value / top) * 100, 1.2);
        below += height;
        return <rect key={name} class={`stack ${tone}`} x={x + 0.12} y={100 - below} width="0.76" height={height} />;
      })}
    </>
  );
}

function Numbers({ title, series, columns }: Omit<Props, "stepSeconds">) {
  const filled = columns.filter(({ values }) => sum(values) > 0);
  return (
    <Table
      label={`${title}, as a table`}
      kind="short"
      columns={["Time", ...series.map(({ label }) => ({ number: label }))]}
    >
      {filled.map((column) => (
        <tr key={column.at}>
          <td>{stamp(column.at).slice(0, 16)}</td>
          {column.values.map((value, index) => (
            <td key={index} class="num">
              {count(value)}
            </td>
          ))}
        </tr>
      ))}
      {filled.length === 0 && (
        <tr>
          <td colSpan={series.length + 1} class="muted">
            No numbers in this time
          </td>
        </tr>
      )}
    </Table>
  );
}
