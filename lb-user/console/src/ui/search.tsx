import type { ComponentChildren } from "preact";
import { useEffect, useId, useLayoutEffect, useState } from "preact/hooks";

import type { Complaint } from "../forms/check";
import { useText } from "../i18n";

interface Props {
  label: string;
  hint?: string;
  value: string;
  /** What the value is, where that is chosen: what was typed as one kind is nothing of another. */
  kind?: string;
  /** What is wrong with what is looked for. */
  check?: (value: string) => Complaint;
  onSearch(value: string): void;
  /** What else it is looked for by. */
  children?: ComponentChildren;
}

/** Looks for what is typed once it is asked for: each search is a question to the daemon. */
export function SearchForm({ label, hint, value, kind, check, onSearch, children }: Props) {
  const t = useText().do;
  const id = useId();
  const [typed, setTyped] = useState(value);
  const [complaint, setComplaint] = useState<Complaint>(null);
  // Before anybody could send it as what it was not typed as: a secret may not be in an address.
  useLayoutEffect(() => setTyped(value), [value, kind]);
  // What was wrong with it may be right for something else.
  useEffect(() => setComplaint(null), [label]);
  const search = (wanted: string) => {
    const wrong = wanted === "" ? null : (check?.(wanted) ?? null);
    setComplaint(wrong);
    if (wrong === null) onSearch(wanted);
  };
  const notes = [
    { kind: "error", said: complaint },
    { kind: "hint", said: hint },
  ].filter(({ said }) => said);
  return (
    <form
      class="search"
      role="search"
      onSubmit={(event) => {
        event.preventDefault();
        search(typed.trim());
      }}
    >
      <label for={id}>{label}</label>
      <div class="search-row">
        {children}
        <input
          id={id}
          type="search"
          value={typed}
          // Browsers keep what is looked for otherwise, be it as secret as it may.
          autocomplete="off"
          aria-describedby={notes.map(({ kind }) => `${id}-${kind}`).join(" ") || undefined}
          aria-invalid={complaint !== null}
          onInput={(event) => {
            setTyped(event.currentTarget.value);
            setComplaint(null);
          }}
        />
        <button type="submit">{t.search}</button>
        {value && (
          <button type="button" class="link" onClick={() => search("")}>
            {t.clear}
          </button>
        )}
      </div>
      {notes.map(({ kind, said }) => (
        <p key={kind} class={kind === "error" ? "field-error" : kind} id={`${id}-${kind}`}>
          {said}
        </p>
      ))}
    </form>
  );
}
