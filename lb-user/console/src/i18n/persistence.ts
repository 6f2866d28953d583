import type { SessionPersistence } from "../api/types";
import { durationOf } from "../forms/persistence";
import { useText, word } from "./index";

/** Says in one line which clients stay where they are, and for how long. */
export function usePersistenceSummary(): (persistence: SessionPersistence | null) => string {
  const t = useText().persistence;
  return (persistence) => {
    if (!persistence) return t.off;
    const { minutes, seconds } = durationOf(persistence);
    const parts = [word(t.types, persistence.type), shortened(persistence.cookie_name), t.lasts(minutes, seconds)];
    return parts.filter(Boolean).join(" · ");
  };
}

/** More of a cookie's name would hide what else is said; its form has the whole. */
const LONGEST = 24;

function shortened(name: string | null): string | null {
  return name && name.length > LONGEST ? `${name.slice(0, LONGEST)}…` : name;
}
