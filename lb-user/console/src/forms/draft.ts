import { useState } from "preact/hooks";

import type { Kind } from "../api/objects";

/** The fields of a form, by their names: the paths of what they become in the object that the API is sent. */
export type Fields = Record<string, string | boolean>;

/** What a field of a form is told of the draft that it belongs to. */
export interface Bound<V> {
  name: string;
  value: V;
  /** What somebody else has made of it while the form was open. */
  theirs?: V | undefined;
  onChange(value: V): void;
}

/** What is being made of an object, or of a part of one. */
export interface Draft<F extends Fields> {
  fields: F;
  set(change: Partial<F>): void;
  bind<K extends keyof F & string>(name: K): Bound<F[K]>;
}

type Change<F> = (change: (before: F) => F) => void;

function draftOf<F extends Fields>(fields: F, change: Change<F>, prefix: string, theirs: Partial<F>): Draft<F> {
  const set = (some: Partial<F>) => change((before) => ({ ...before, ...some }));
  return {
    fields,
    set,
    bind: (name) => ({
      name: prefix + name,
      value: fields[name],
      theirs: theirs[name],
      onChange: (value) => set({ [name]: value } as unknown as Partial<F>),
    }),
  };
}

/** The draft of something new. It may be part of something else, below whose name its fields are then. */
export function useDraft<F extends Fields>(first: () => F, prefix = ""): Draft<F> {
  const [fields, setFields] = useState(first);
  return draftOf(fields, setFields, prefix, {});
}

/**
 * An object as it was when its form was opened, and what is being made of it; null: it is new. The object of the page goes on changing
 * meanwhile; a form that took its revision would overwrite what nobody has seen.
 */
export function useEdited<T extends { id: string; revision: number }, F extends Fields>(
  kind: Kind<T>,
  object: T | null,
  fieldsOf: (object: T | null) => F,
) {
  const [state, setState] = useState(() => ({ base: object, fields: fieldsOf(object), theirs: {} as Partial<F> }));
  const change: Change<F> = (make) => setState((before) => ({ ...before, fields: make(before.fields) }));
  return {
    base: state.base,
    draft: draftOf(state.fields, change, "", state.theirs),
    /** Takes what is there now; what has been typed stays. */
    async reload() {
      if (!state.base) return;
      const fresh = await kind.get(state.base.id);
      setState(({ base, fields }) => merged(fieldsOf(base), fields, fieldsOf(fresh), fresh));
    },
  };
}

function merged<T, F extends Fields>(before: F, mine: F, now: F, base: T) {
  const others = Object.entries(now).filter(([name, value]) => value !== before[name]);
  const untouched = others.filter(([name]) => mine[name] === before[name]);
  const [theirs, taken] = [others, untouched].map((some) => Object.fromEntries(some) as Partial<F>);
  return { base, fields: { ...mine, ...taken }, theirs: theirs ?? {} };
}
