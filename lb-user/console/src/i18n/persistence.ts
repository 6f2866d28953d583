import type { SessionPersistence } from "../api/types";
import { durationOf, inParts } from "../forms/persistence";
import { useText, word } from "./index";

/** Says in one line which clients stay where they are, and for how long: while they stay away, and at all. */
export function usePersistenceSummary(): (persistence: SessionPersistence | null) => string {
  const t = useText().persistence;
  return (persistence) => {
    if (!persistence) return t.off;
    const lasts = (durationS: number) => {
      const { minutes, seconds } = inParts(durationS);
      return t.lasts(minutes, seconds);
    };
    const { type, cookie_name, absolute_timeout } = persistence;
    const parts = [
      word(t.types, type),
      shortened(cookie_name),
      lasts(durationOf(persistence)),
      absolute_timeout && t.atMost(lasts(absolute_timeout)),
    ];
    return parts.filter(Boolean).join(" · ");
  };
}

/** More of a cookie's name would hide what else is said; its form has the whole. */
const LONGEST = 24;

function shortened(name: string | null): string | null {
  return name && name.length > LONGEST ? `${name.slice(0, LONGEST)}…` : name;
}
