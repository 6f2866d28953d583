import { useEffect } from "preact/hooks";

/** Somebody is about to leave what they have entered. */
export interface Leaving {
  /** Leaves it. */
  go(): void;
  /** Is told that they stay. */
  stay(): void;
}

interface Guard {
  isChanged(): boolean;
  ask(leaving: Leaving): void;
}

const guards = new Set<Guard>();

/** Leaves a form or its page; where something has been entered that is not sent, once whoever has done that agrees. */
export function leave(go: () => void, stay: () => void = () => undefined): void {
  const guard = [...guards].find(({ isChanged }) => isChanged());
  if (guard) guard.ask({ go, stay });
  else go();
}

/** Has a form not be left unasked while it is changed: within the page by `leave`, and where the page goes by the browser. */
export function useGuard(changed: { current: boolean }, ask: (leaving: Leaving) => void): void {
  useEffect(() => {
    const guard: Guard = { isChanged: () => changed.current, ask };
    const unload = (event: BeforeUnloadEvent) => {
      if (changed.current) event.preventDefault();
    };
    guards.add(guard);
    addEventListener("beforeunload", unload);
    return () => {
      guards.delete(guard);
      removeEventListener("beforeunload", unload);
    };
  }, []);
}
