import { traffic } from "../api/objects";
import { API, withQuery } from "../api/http";
import type { Change, Traffic } from "../api/types";

/** How what happens gets here: by the stream, by asking again and again, or not yet. */
export type Connection = "connecting" | "live" | "polling";

export interface Listener {
  /** An object is another by now. */
  changed?(change: Change): void;
  /** Anything may be another by now. */
  lost?(): void;
  traffic?(sample: Traffic): void;
  connection?(state: Connection): void;
}

const POLL_EVERY_MS = 5_000;
/** The stream is refused while there are too many of them: others end. */
const TRY_STREAM_EVERY_MS = 30_000;

/** What happens to the objects, and the traffic of one load balancer. */
export class Stream {
  private source: EventSource | null = null;
  private polls: ReturnType<typeof setInterval> | undefined;
  private retry: ReturnType<typeof setTimeout> | undefined;
  private asked: AbortController | null = null;
  private listeners = new Set<Listener>();
  state: Connection = "connecting";

  constructor(private readonly loadBalancerId: string | null) {
    document.addEventListener("visibilitychange", this.follow);
    this.follow();
  }

  subscribe(listener: Listener): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  close(): void {
    document.removeEventListener("visibilitychange", this.follow);
    this.pause();
    this.listeners.clear();
  }

  /** Only pages that are looked at listen: a browser has six connections to a host, for all of its tabs together. */
  private readonly follow = (): void => {
    this.pause();
    if (!document.hidden) this.open();
  };

  private pause(): void {
    this.source?.close();
    this.source = null;
    clearTimeout(this.retry);
    this.stopPolling();
  }

  private tell(event: (listener: Listener) => void): void {
    [...this.listeners].forEach(event);
  }

  private become(state: Connection): void {
    if (this.state === state) return;
    this.state = state;
    this.tell((listener) => listener.connection?.(state));
  }

  private open(): void {
    const source = new EventSource(withQuery(`${API}/events`, { traffic: this.loadBalancerId }));
    this.source = source;
    source.onopen = () => {
      this.stopPolling();
      this.become("live");
      // What was before was told to nobody: neither between two streams, nor since the page was loaded.
      this.tell((listener) => listener.lost?.());
    };
    source.onmessage = ({ data }: MessageEvent<string>) => {
      const change = JSON.parse(data) as Change;
      this.tell((listener) => listener.changed?.(change));
    };
    source.addEventListener("lost", () => this.tell((listener) => listener.lost?.()));
    source.addEventListener("traffic", ({ data }: MessageEvent<string>) => {
      const said = JSON.parse(data) as Traffic | { traffic: Traffic };
      this.tell((listener) => listener.traffic?.("traffic" in said ? said.traffic : said));
    });
    source.onerror = () => {
      this.startPolling();
      // One that is refused stays closed, one that has broken off comes back by itself.
      if (source.readyState === EventSource.CLOSED) {
        clearTimeout(this.retry);
        this.retry = setTimeout(() => this.open(), TRY_STREAM_EVERY_MS);
      }
    };
  }

  private startPolling(): void {
    this.become("polling");
    if (this.polls === undefined) this.polls = setInterval(() => void this.poll(), POLL_EVERY_MS);
  }

  private stopPolling(): void {
    clearInterval(this.polls);
    this.polls = undefined;
    this.asked?.abort();
  }

  private async poll(): Promise<void> {
    this.tell((listener) => listener.lost?.());
    if (!this.loadBalancerId) return;
    this.asked?.abort();
    this.asked = new AbortController();
    try {
      const sample = await traffic(this.loadBalancerId, this.asked.signal);
      this.tell((listener) => listener.traffic?.(sample));
    } catch {
      // The pages say what they cannot load; the next poll comes anyway.
    }
  }
}
