import type { ComponentChildren } from "preact";
import { useId, useLayoutEffect, useRef } from "preact/hooks";

import { leave } from "../state/unsaved";
import { Away } from "./away";

interface Props {
  title: string;
  /** Absent: it cannot be closed. */
  onClose?: () => void;
  class?: string;
  /** It asks something, and nothing is entered in it. */
  role?: "alertdialog";
  children: ComponentChildren;
}

/** Browsers close a dialogue by Escape pressed twice, whatever is said to its `cancel`; and by a third one what is below it. */
function refuseEscape(event: KeyboardEvent) {
  if (event.key === "Escape") event.preventDefault();
}

/** A modal dialogue: focus is in it while it is open, and goes back to where it came from. */
export function Dialog(props: Props) {
  const dialog = useRef<HTMLDialogElement>(null);
  const title = useId();
  const isQuestion = props.role === "alertdialog";
  useLayoutEffect(() => {
    const from = document.activeElement;
    const opened = dialog.current;
    opened?.showModal();
    if (!props.onClose) document.addEventListener("keydown", refuseEscape, true);
    return () => {
      document.removeEventListener("keydown", refuseEscape, true);
      opened?.close();
      if (from instanceof HTMLElement) from.focus();
    };
  }, []);
  return (
    <dialog
      ref={dialog}
      class={props.class ?? "dialog"}
      role={props.role}
      aria-labelledby={title}
      onCancel={(event) => {
        // Whether it is there is the page's to say, not the browser's.
        event.preventDefault();
        if (isQuestion) props.onClose?.();
        else if (props.onClose) leave(props.onClose);
      }}
      onClose={({ currentTarget }) => {
        if (!currentTarget.isConnected) return;
        // By whatever else a browser closes it: a question, and what that is about, at once. What was there first is before the
        // question when it is shown again, so that nobody could answer that: it is withdrawn.
        if (isQuestion) props.onClose?.();
        setTimeout(() => {
          if (!currentTarget.isConnected || currentTarget.open) return;
          currentTarget.showModal();
          currentTarget.querySelectorAll("dialog").forEach((question) => question.close());
        });
      }}
    >
      <h2 id={title} class="clamped">
        {props.title}
      </h2>
      <Away isInDialog />
      {props.children}
    </dialog>
  );
}
