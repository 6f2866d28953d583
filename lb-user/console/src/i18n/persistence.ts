import type { SessionPersistence } from "../api/types";
import { minutesOf } from "../forms/persistence";
import { useText, word } from "./index";

/** How long clients are held where nobody has said it: then the API says nothing of it either. */
const USUAL_MINUTES = 20;

/** Says in one line which clients stay where they are, and for how long. */
export function usePersistenceSummary(): (persistence: SessionPersistence | null) => string {
  const t = useText().persistence;
  return (persistence) => {
    if (!persistence) return t.off;
    const parts = [
      word(t.types, persistence.type),
      persistence.cookie_name,
      t.minutes(minutesOf(persistence) ?? USUAL_MINUTES),
    ];
    return parts.filter(Boolean).join(" · ");
  };
}
