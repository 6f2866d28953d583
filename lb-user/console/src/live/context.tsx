import { type ComponentChildren, createContext } from "preact";
import { useContext, useEffect, useRef, useState } from "preact/hooks";

import type { Change, Traffic } from "../api/types";
import { useSignedIn } from "../state/session";
import { type Connection, Stream } from "./stream";

const StreamContext = createContext<Stream | null>(null);

/** One stream for all that is shown of a load balancer, or of none in particular. */
export function LiveProvider(props: { loadBalancerId: string | null; children: ComponentChildren }) {
  const [stream, setStream] = useState<Stream | null>(null);
  const [opens, setOpens] = useState(0);
  // One that was refused for want of a session need not wait.
  useSignedIn(() => setOpens((count) => count + 1));
  useEffect(() => {
    const opened = new Stream(props.loadBalancerId);
    setStream(opened);
    return () => opened.close();
  }, [props.loadBalancerId, opens]);
  return <StreamContext.Provider value={stream}>{props.children}</StreamContext.Provider>;
}

export function useConnection(): Connection {
  const stream = useContext(StreamContext);
  const [state, setState] = useState<Connection>("connecting");
  useEffect(() => {
    setState(stream?.state ?? "connecting");
    return stream?.subscribe({ connection: setState });
  }, [stream]);
  return state;
}

/** Calls back for changes; `null` stands for any: everything has to be looked at again. */
export function useChanges(callback: (change: Change | null) => void): void {
  const stream = useContext(StreamContext);
  const latest = useRef(callback);
  latest.current = callback;
  useEffect(
    () =>
      stream?.subscribe({
        changed: (change) => latest.current(change),
        lost: () => latest.current(null),
      }),
    [stream],
  );
}

const NONE: Traffic[] = [];

/** The traffic of the load balancer that is looked at, the latest sample last. */
export function useTraffic(): Traffic[] {
  const stream = useContext(StreamContext);
  const [, setCount] = useState(0);
  useEffect(() => stream?.subscribe({ traffic: () => setCount((count) => count + 1) }), [stream]);
  return stream?.samples ?? NONE;
}
