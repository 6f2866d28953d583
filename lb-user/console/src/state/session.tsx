import { createContext } from "preact";
import { useContext, useEffect, useRef } from "preact/hooks";

import type { Session } from "../api/types";

export const SessionContext = createContext<Session | null>(null);

const AGAIN = "signed-in-again";

/** Tells all that could not be loaded for want of a session that there is one again. */
export function tellSignedIn(): void {
  dispatchEvent(new Event(AGAIN));
}

/** Calls back whenever somebody has signed in. */
export function useSignedIn(callback: () => void): void {
  const latest = useRef(callback);
  latest.current = callback;
  useEffect(() => {
    const told = () => latest.current();
    addEventListener(AGAIN, told);
    return () => removeEventListener(AGAIN, told);
  }, []);
}

/** Whether changes may be offered: observers only look. */
export function useMayChange(): boolean {
  const session = useContext(SessionContext);
  return session !== null && session.role !== "observer";
}
