// Keys for a whole view. They do nothing while a person types, or while a dialog is open.

import { useEffect, useRef } from "preact/hooks";

export function useKeys(keys: Record<string, () => unknown>): void {
  const latest = useRef(keys);
  latest.current = keys;
  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      const { target } = event;
      const isTyping = target instanceof HTMLElement && target.matches("input, textarea, select, dialog *");
      if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
      if (isTyping && event.key !== "Escape") return;
      const act = latest.current[event.key];
      if (!act) return;
      if (isTyping) (target as HTMLElement).blur();
      event.preventDefault();
      act();
    };
    addEventListener("keydown", press);
    return () => removeEventListener("keydown", press);
  }, []);
}
