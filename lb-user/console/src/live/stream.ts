import { API, ApiError, asApiError, begin, doubt, withQuery } from "../api/http";
import { traffic } from "../api/objects";
import type { Change, Traffic } from "../api/types";
import { type SentEvent, sentEvents } from "./sent-events";

/** How what happens gets here: by the stream, by asking again and again, or not yet. */
export type Connection = "connecting" | "live" | "polling";

export interface Listener {
  /** An object is another by now. */
  changed?(change: Change): void;
  /** Anything may be another by now. */
  lost?(): void;
  /** More is known of what passes. */
  traffic?(): void;
  connection?(state: Connection): void;
}

/** How many samples rates are taken over: long enough to be calm, short enough to be now. */
const WINDOW = 6;
/** A stream that has ended is tried again after this, one that fails again after twice as long, and so on. */
const AGAIN_MS = 1_000;
const AGAIN_AT_MOST_MS = 5_000;
/** One that has lasted so long was no failure. */
const LASTING_MS = 5_000;

/** What happens to the objects, and what passes at one load balancer for as long as that is there. */
export class Stream {
  private following: AbortController | null = null;
  private listeners = new Set<Listener>();
  /** Whether there is no such load balancer now: then its traffic is not asked for, until it is heard of again. */
  private isGone = false;
  state: Connection = "connecting";
  /** What passed lately, the latest sample last: kept here, since another page goes on with what the one before it knew. */
  samples: Traffic[] = [];

  constructor(private readonly loadBalancerId: string | null) {
    document.addEventListener("visibilitychange", this.look);
    this.look();
  }

  subscribe(listener: Listener): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  close(): void {
    document.removeEventListener("visibilitychange", this.look);
    this.following?.abort();
    this.listeners.clear();
  }

  /** Only pages that are looked at listen: a browser has six connections to a host, for all of its tabs together. */
  private readonly look = (): void => {
    this.following?.abort();
    if (document.hidden) return;
    this.following = new AbortController();
    void this.follow(this.following.signal);
  };

  private tell(event: (listener: Listener) => void): void {
    [...this.listeners].forEach(event);
  }

  private become(state: Connection): void {
    if (this.state === state) return;
    this.state = state;
    this.tell((listener) => listener.connection?.(state));
  }

  /** Listens for as long as the page is looked at; while that cannot be, it asks each time that it is tried again. */
  private async follow(signal: AbortSignal): Promise<void> {
    for (let failures = 0; !signal.aborted; failures += 1) {
      const begun = Date.now();
      try {
        await this.listen(signal);
        // The daemon ends it where others are let in than before.
        if (!signal.aborted) doubt();
      } catch (failure) {
        if (signal.aborted) return;
        asApiError(failure);
        this.become("polling");
        await this.poll(signal);
      }
      if (Date.now() - begun > LASTING_MS) failures = 0;
      await pause(Math.min(AGAIN_MS * 2 ** failures, AGAIN_AT_MOST_MS), signal);
    }
  }

  /** Tells what one stream says, until it ends or another one would say more. */
  private async listen(signal: AbortSignal): Promise<void> {
    const { body } = await this.open(signal);
    if (!body) return;
    this.become("live");
    // What was before was told to nobody: neither between two streams, nor since the page was loaded.
    this.tell((listener) => listener.lost?.());
    for await (const event of sentEvents(body, signal)) {
      if (this.pass(event) === "open anew") return;
    }
  }

  private async open(signal: AbortSignal): Promise<Response> {
    const events = (of: string | null) =>
      begin(withQuery(`${API}/events`, { traffic: of }), { accept: "text/event-stream", signal });
    this.isGone = false;
    try {
      return await events(this.loadBalancerId);
    } catch (failure) {
      if (!this.isOfNone(failure)) throw failure;
      this.isGone = true;
      return await events(null);
    }
  }

  /** Whether something has failed since there is no such load balancer. */
  private isOfNone(failure: unknown): boolean {
    return this.loadBalancerId !== null && failure instanceof ApiError && failure.status === 404;
  }

  private pass({ type, data }: SentEvent): "open anew" | "go on" {
    if (type === "traffic") {
      this.take((JSON.parse(data) as { traffic: Traffic }).traffic);
    } else if (type === "lost") {
      // That the load balancer went may be among what is lost, and the traffic of a stream ends with that.
      if (this.loadBalancerId) return "open anew";
      this.tell((listener) => listener.lost?.());
    } else {
      const change = JSON.parse(data) as Change;
      this.tell((listener) => listener.changed?.(change));
      if (change.id === this.loadBalancerId) {
        if (this.isGone && change.event === "changed") return "open anew";
        this.isGone = change.event === "gone";
      }
    }
    return "go on";
  }

  private take(sample: Traffic): void {
    this.samples = [...this.samples.filter((old) => old.at_ms < sample.at_ms).slice(1 - WINDOW), sample];
    this.tell((listener) => listener.traffic?.());
  }

  /** What a stream would have told by now. */
  private async poll(signal: AbortSignal): Promise<void> {
    this.tell((listener) => listener.lost?.());
    if (!this.loadBalancerId || this.isGone) return;
    try {
      this.take(await traffic(this.loadBalancerId, signal));
    } catch {
      // The pages say what cannot be loaded, and it is asked for again.
    }
  }
}

/** Waits, but not beyond what it is for. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
