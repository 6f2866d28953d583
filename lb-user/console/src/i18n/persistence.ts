import type { SessionPersistence } from "../api/types";
import { minutesOf } from "../forms/persistence";
import { useText, word } from "./index";

/** Says in one line which clients stay where they are, and for how long. */
export function usePersistenceSummary(): (persistence: SessionPersistence | null) => string {
  const t = useText().persistence;
  return (persistence) => {
    if (!persistence) return t.off;
    const minutes = minutesOf(persistence);
    const parts = [
      word(t.types, persistence.type),
      persistence.cookie_name,
      minutes === null ? null : t.minutes(minutes),
    ];
    return parts.filter(Boolean).join(" · ");
  };
}
