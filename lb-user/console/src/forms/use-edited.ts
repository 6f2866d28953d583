import { useState } from "preact/hooks";

import type { Kind } from "../api/objects";

/**
 * An object as it was when its form was opened, and what is being made of it. The object of the page goes on changing
 * meanwhile; a form that took its revision would overwrite what nobody has seen.
 */
export function useEdited<T extends { id: string; revision: number }, D extends object>(
  kind: Kind<T>,
  object: T | null,
  draftOf: (object: T | null) => D,
) {
  const [base, setBase] = useState(object);
  const [draft, setDraft] = useState(() => draftOf(object));
  return {
    base,
    draft,
    setDraft,
    set: (change: Partial<D>) => setDraft((before) => ({ ...before, ...change })),
    /** Begins anew with what is there now. */
    async reload() {
      if (!base) return;
      const fresh = await kind.get(base.id);
      setBase(fresh);
      setDraft(draftOf(fresh));
    },
  };
}
