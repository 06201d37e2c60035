// A change that a form or a dialog asks for.

import { useSignal, type Signal } from "@preact/signals";
import { messageOf } from "./api.ts";

export interface Sending {
  isBusy: Signal<boolean>;
  /** What went wrong. Empty if nothing did. */
  problem: Signal<string>;
  run: () => Promise<void>;
}

/** Runs `send` once at a time. A failure is in `problem`, and `failed` is called. */
export function useSending(send: () => Promise<void>, failed: () => void = () => {}): Sending {
  const isBusy = useSignal(false);
  const problem = useSignal("");
  const run = async () => {
    if (isBusy.value) return;
    isBusy.value = true;
    problem.value = "";
    try {
      await send();
    } catch (error) {
      problem.value = messageOf(error);
      failed();
    }
    isBusy.value = false;
  };
  return { isBusy, problem, run };
}
