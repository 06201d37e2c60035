// A dialog: the browser's own, which keeps the focus inside, closes by Escape, and gives the focus back.

import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { Button } from "./basics.tsx";
import { Icon } from "./icon.tsx";

export function Dialog(props: { title: string; onClose: () => void; children: ComponentChildren; wide?: boolean }) {
  const { title, onClose, children, wide = false } = props;
  const self = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const before = document.activeElement;
    self.current?.showModal();
    return () => {
      if (before instanceof HTMLElement && before.isConnected) before.focus();
      else document.getElementById("main")?.focus();
    };
  }, []);
  return (
    <dialog
      ref={self}
      class={wide ? "wide" : undefined}
      aria-labelledby="dialog-title"
      onClose={onClose}
      onClick={(event) => event.target === self.current && self.current?.close()}
    >
      <div class="dialog">
        <div class="dialog-head">
          <h2 id="dialog-title">{title}</h2>
          <button type="button" class="copy" aria-label="Close" onClick={() => self.current?.close()}>
            <Icon name="close" />
          </button>
        </div>
        {children}
      </div>
    </dialog>
  );
}

/** The end of a dialog: a button that closes it, and the button that does what it asks for. */
export function DialogFoot(props: { onClose: () => void; children: ComponentChildren; word?: string }) {
  const { onClose, children, word = "Cancel" } = props;
  return (
    <div class="dialog-foot">
      <Button kind="quiet" onClick={onClose}>
        {word}
      </Button>
      {children}
    </div>
  );
}
