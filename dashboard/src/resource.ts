// Reading the API again and again while the page is seen.

import { useSignal, type Signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { ApiError } from "./api.ts";
import { nextReading } from "./feed.ts";
import { hidden } from "./state.ts";

export interface Loaded<T> {
  value: Signal<T | undefined>;
  error: Signal<ApiError | undefined>;
  /** Reads now. */
  again: () => void;
}

/**
 * Reads by `load` when `key` changes, and then every `every` milliseconds while the page is seen. A failure keeps the value
 * that was read before. `every` 0 reads once.
 */
export function useLoaded<T>(key: string, load: (signal: AbortSignal) => Promise<T>, every: number): Loaded<T> {
  const value = useSignal<T | undefined>(undefined);
  const error = useSignal<ApiError | undefined>(undefined);
  const again = useRef(() => {});
  const latest = useRef(load);
  latest.current = load;
  useEffect(() => {
    value.value = undefined;
    error.value = undefined;
    const aborting = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    let failures = 0;
    let isReading = false;
    const plan = () => {
      clearTimeout(timer);
      const wait = every > 0 ? nextReading(every, failures, hidden.value) : null;
      if (wait !== null && !aborting.signal.aborted) timer = setTimeout(read, wait);
    };
    async function read() {
      if (isReading) return;
      isReading = true;
      clearTimeout(timer);
      try {
        const read = await latest.current(aborting.signal);
        if (aborting.signal.aborted) return;
        value.value = read;
        error.value = undefined;
        failures = 0;
      } catch (caught) {
        if (aborting.signal.aborted) return;
        failures += 1;
        error.value = caught instanceof ApiError ? caught : new ApiError(0, "Unreadable", "The answer cannot be read.");
      } finally {
        isReading = false;
        plan();
      }
    }
    again.current = () => void read();
    let isFirst = true;
    const stop = hidden.subscribe((isHidden) => {
      if (isFirst) isFirst = false;
      else if (isHidden) clearTimeout(timer);
      else if (every > 0) void read();
    });
    void read();
    return () => {
      aborting.abort();
      clearTimeout(timer);
      stop();
    };
  }, [key, every]);
  return { value, error, again: () => again.current() };
}
