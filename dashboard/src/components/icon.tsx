// The icons: lines on a grid of 16. They say nothing that a word beside them does not say.

const PATHS = {
  overview: "M2.5 13.5h11M4.5 11V7.5M8 11V3.5M11.5 11V6",
  events: "M2.5 4h11M2.5 8h11M2.5 12h7",
  "dead-letters": "M2.5 4.5h11v8h-11zM2.5 4.5 8 9l5.5-4.5",
  refused: "M8 2.5 13 4.5v3.8c0 2.6-2 4.5-5 5.5-3-1-5-2.9-5-5.5V4.5zM6.2 6.2l3.6 3.6M9.8 6.2 6.2 9.8",
  sources: "M8 2.5v7M5 6.5l3 3 3-3M2.5 10.5v3h11v-3",
  destinations: "M2.5 8h9M8.5 5l3 3-3 3M13.5 3.5v9",
  alerts: "M4 11V7.5a4 4 0 0 1 8 0V11l1 1.5H3zM6.8 14h2.4",
  audit: "M4 2.5h8v11H4zM6 5.5h4M6 8h4M6 10.5h2",
  replay: "M13 8a5 5 0 1 1-1.6-3.7M13 2.5v3h-3",
  copy: "M5.5 5.5h7v8h-7zM3.5 10.5v-8h7",
  check: "M3.5 8.5 6.5 11.5 12.5 4.5",
  close: "M4 4l8 8M12 4l-8 8",
  search: "M7 11.5a4.5 4.5 0 1 0 0-9 4.5 4.5 0 0 0 0 9zM10.4 10.4l3.1 3.1",
  warning: "M8 2.8 14 13H2zM8 6.5v3M8 11.2v.1",
  off: "M8 2.5v5M4.7 4.7a4.7 4.7 0 1 0 6.6 0",
  inbox: "M2.5 9.5 4.5 3.5h7l2 6v3h-11zM2.5 9.5h3.3l1 1.5h2.4l1-1.5h3.3",
  menu: "M2.5 4.5h11M2.5 8h11M2.5 11.5h11",
  next: "M6 3.5 10.5 8 6 12.5",
  out: "M6.5 2.5h-4v11h4M6 8h7.5M10.5 5l3 3-3 3",
  key: "M6 10.5a3 3 0 1 1 2.4-1.2l5.1 0v2h-1.5M6 7.5v0",
  send: "M2.5 8 13.5 3l-4 10.5-2-4.5zM7.5 9l3-3",
  pause: "M5.5 3.5v9M10.5 3.5v9",
} as const;
export type IconName = keyof typeof PATHS;

export function Icon({ name }: { name: IconName }) {
  return (
    <svg class="icon" viewBox="0 0 16 16" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} />
    </svg>
  );
}
