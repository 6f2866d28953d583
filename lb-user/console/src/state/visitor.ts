import { useEffect, useRef, useState } from "preact/hooks";

import { daemonIsAway, onDoubted } from "../api/http";
import { currentSession, signOut } from "../api/session";
import type { Session } from "../api/types";
import { tellSignedIn } from "./session";
import { type Resource, useEvery, useResource } from "./use-resource";

/** Nobody; or somebody, whose time may be over: what they were at stays where it is. */
interface Visitor {
  session: Session | null;
  isOver: boolean;
}

const NOBODY: Visitor = { session: null, isOver: false };

/** What the tabs of a browser tell each other: they have one session together. */
type Told = "came" | "left";
const CHANNEL = "holdfast.session";

/** How often a daemon that cannot be reached is asked whether it is back. */
const AGAIN_MS = 2_000;

export interface Visit {
  /** Null until the daemon has said who it is. */
  visitor: Visitor | null;
  asked: Resource<unknown>;
  come(session: Session): void;
  leave(): Promise<void>;
}

/** Who looks at this page. It is asked again whenever it may be somebody else, of whom other tabs and the daemon know first. */
export function useVisitor(): Visit {
  const [visitor, setVisitor] = useState<Visitor | null>(null);
  const asked = useResource("session", async (signal) => ({ session: await currentSession(signal) }));
  const { data, reload } = asked;
  const tabs = useRef<BroadcastChannel | null>(null);

  useEffect(() => {
    if (!data) return;
    const { session } = data;
    setVisitor((before) => {
      if (session) return { session, isOver: false };
      return before?.session ? { ...before, isOver: true } : NOBODY;
    });
  }, [data]);

  useEffect(() => {
    const others = new BroadcastChannel(CHANNEL);
    tabs.current = others;
    others.onmessage = ({ data: told }: MessageEvent<Told>) => {
      if (told === "left") setVisitor(NOBODY);
      reload();
    };
    const seen = () => document.hidden || reload();
    document.addEventListener("visibilitychange", seen);
    const stop = onDoubted(reload);
    return () => {
      others.close();
      document.removeEventListener("visibilitychange", seen);
      stop();
    };
  }, []);

  useEvery(AGAIN_MS, () => {
    if (daemonIsAway() && !asked.isLoading) reload();
  });

  // Whoever goes on is shown what could not be loaded meanwhile.
  const isOver = visitor?.isOver ?? false;
  const wasOver = useRef(isOver);
  useEffect(() => {
    if (wasOver.current && !isOver) tellSignedIn();
    wasOver.current = isOver;
  }, [isOver]);

  const become = (session: Session | null, told: Told) => {
    setVisitor({ session, isOver: false });
    tabs.current?.postMessage(told);
    // What was asked before this is not to be answered any more.
    reload();
  };
  return {
    visitor,
    asked,
    come: (session) => become(session, "came"),
    async leave() {
      await signOut();
      become(null, "left");
    },
  };
}
