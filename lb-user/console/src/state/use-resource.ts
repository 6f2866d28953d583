import { useCallback, useEffect, useRef, useState } from "preact/hooks";

import { type ApiError, asApiError, UNREACHED } from "../api/http";
import type { Change } from "../api/types";
import { useChanges } from "../live/context";
import { useIsAway } from "./reach";
import { useSignedIn } from "./session";

export interface Resource<T> {
  /** What was loaded last for this key; null: nothing yet. */
  data: T | null;
  error: ApiError | null;
  isLoading: boolean;
  reload(): void;
}

/** Changes come in swarms: one reload answers them all. */
const GATHER_MS = 400;

interface Options {
  /** Changes after which it has to be loaded again. */
  isConcerned?: (change: Change) => boolean;
  /** Whether what was asked for before stays in view until the answer is there: pages of one list. */
  keeps?: boolean;
}

/**
 * Loads what a page shows, and again when it changes.
 * `key` says what is asked for: with another key the question is aborted, so that no late answer is shown.
 */
export function useResource<T>(
  key: string,
  load: (signal: AbortSignal) => Promise<T>,
  { isConcerned = () => false, keeps = false }: Options = {},
): Resource<T> {
  const [state, setState] = useState<{ key: string; data: T | null; error: ApiError | null }>({
    key,
    data: null,
    error: null,
  });
  const [loads, setLoads] = useState(0);
  const [isLoading, setLoading] = useState(true);
  const latest = useRef(load);
  latest.current = load;
  // A reload while one is under way would abort it; under many changes none would ever end.
  const underWay = useRef({ isLoading: false, isOutdated: false });

  useEffect(() => {
    const controller = new AbortController();
    underWay.current = { isLoading: true, isOutdated: false };
    setLoading(true);
    const end = (next: (before: typeof state) => typeof state) => {
      if (controller.signal.aborted) return;
      setState(next);
      setLoading(false);
      underWay.current.isLoading = false;
      if (underWay.current.isOutdated) reloadSoon();
    };
    latest.current(controller.signal).then(
      (data) => end(() => ({ key, data, error: null })),
      (failure: unknown) => {
        if (controller.signal.aborted) return;
        const error = asApiError(failure);
        // What was there before stays in view beside the error, unless it is there no more.
        end((before) => ({ key, data: error.status === 404 || before.key !== key ? null : before.data, error }));
      },
    );
    return () => controller.abort();
  }, [key, loads]);

  const reload = useCallback(() => setLoads((count) => count + 1), []);
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  const reloadSoon = useCallback(() => {
    if (timer.current !== undefined) return;
    timer.current = setTimeout(() => {
      timer.current = undefined;
      if (underWay.current.isLoading) underWay.current.isOutdated = true;
      else reload();
    }, GATHER_MS);
  }, []);
  useEffect(() => () => clearTimeout(timer.current), []);
  useChanges((change) => {
    if (change === null || isConcerned(change)) reloadSoon();
  });
  useSignedIn(reload);
  const isAway = useIsAway();
  useEffect(() => {
    if (!isAway && state.error?.status === UNREACHED) reloadSoon();
  }, [isAway, state.error]);

  const isCurrent = state.key === key;
  const isShown = isCurrent || (keeps && !state.error);
  return { data: isShown ? state.data : null, error: isCurrent ? state.error : null, isLoading, reload };
}

/** Calls back every so often while the page is looked at. */
export function useEvery(ms: number, callback: () => void): void {
  const latest = useRef(callback);
  latest.current = callback;
  useEffect(() => {
    const timer = setInterval(() => document.hidden || latest.current(), ms);
    return () => clearInterval(timer);
  }, [ms]);
}
