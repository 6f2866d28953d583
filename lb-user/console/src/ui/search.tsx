import { useEffect, useId, useState } from "preact/hooks";

import { useText } from "../i18n";

interface Props {
  label: string;
  hint?: string;
  value: string;
  onSearch(value: string): void;
}

/** Looks for what is typed once it is asked for: each search is a question to the daemon. */
export function SearchForm({ label, hint, value, onSearch }: Props) {
  const t = useText().do;
  const id = useId();
  const [typed, setTyped] = useState(value);
  useEffect(() => setTyped(value), [value]);
  return (
    <form
      class="search"
      role="search"
      onSubmit={(event) => {
        event.preventDefault();
        onSearch(typed.trim());
      }}
    >
      <label for={id}>{label}</label>
      <div class="search-row">
        <input
          id={id}
          type="search"
          value={typed}
          aria-describedby={hint && `${id}-hint`}
          onInput={(event) => setTyped(event.currentTarget.value)}
        />
        <button type="submit">{t.search}</button>
        {value && (
          <button type="button" class="link" onClick={() => onSearch("")}>
            {t.clear}
          </button>
        )}
      </div>
      {hint && (
        <p class="hint" id={`${id}-hint`}>
          {hint}
        </p>
      )}
    </form>
  );
}
