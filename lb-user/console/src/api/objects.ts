import { API, ApiError, ask, withQuery } from "./http";
import type {
  Capabilities,
  HealthMonitor,
  HeldSession,
  History,
  Listener,
  LoadBalancer,
  Member,
  PastEvent,
  Pool,
  Ref,
  StatusTree,
  Traffic,
} from "./types";

/** One page of a list. */
export interface Page<T> {
  items: T[];
  /** What the next page begins behind; null: this is the last one. */
  next: string | null;
}

type Query = Record<string, string | number | null | undefined>;
type Link = { rel: string; href: string };

function nextOf(links: Link[] | undefined): string | null {
  const next = links?.find((link) => link.rel === "next");
  return next ? new URL(next.href, location.href).searchParams.get("marker") : null;
}

/** How long a change waits for the one before it to be applied. */
const SETTLES_WITHIN_MS = 10_000;
const SETTLE_STEP_MS = 250;

/** What is said while another change is being applied; more is said of what is declared in a file, which waiting does not help. */
const SETTLING = /is immutable and cannot be updated\.$/;

/**
 * Makes a change. An object that another change is being applied to answers 409 for a moment: two changes of one form come
 * one after the other, and people cannot do anything about that but wait.
 */
async function change<T>(
  path: string,
  method: "POST" | "PUT" | "DELETE",
  body?: unknown,
  revision?: number,
): Promise<T> {
  const until = Date.now() + SETTLES_WITHIN_MS;
  for (;;) {
    try {
      return await ask<T>(path, { method, body, revision });
    } catch (failure) {
      const isSettling = failure instanceof ApiError && failure.status === 409 && SETTLING.test(failure.message);
      if (!isSettling || Date.now() > until) throw failure;
      await new Promise((resolve) => setTimeout(resolve, SETTLE_STEP_MS));
    }
  }
}

/** Objects of one kind. */
export class Kind<T extends { id: string; revision: number }> {
  constructor(
    private readonly singular: string,
    readonly path: string,
    private readonly plural = path.slice(path.lastIndexOf("/") + 1),
  ) {}

  async list(query: Query, signal?: AbortSignal): Promise<Page<T>> {
    const body = await ask<Record<string, unknown>>(withQuery(API + this.path, query), { signal });
    return { items: body[this.plural] as T[], next: nextOf(body[`${this.plural}_links`] as Link[] | undefined) };
  }

  /** A page of so many, behind the object of this id. The daemon's own link is also there where nothing follows. */
  async page(size: number, marker: string, query: Query, signal?: AbortSignal): Promise<Page<T>> {
    const { items } = await this.list({ ...query, limit: size + 1, marker }, signal);
    const shown = items.slice(0, size);
    return { items: shown, next: items.length > size ? (shown.at(-1)?.id ?? null) : null };
  }

  async get(id: string, signal?: AbortSignal): Promise<T> {
    return this.of(await ask(`${API}${this.path}/${id}`, { signal }));
  }

  async create(fields: object): Promise<T> {
    return this.of(await change(API + this.path, "POST", { [this.singular]: fields }));
  }

  async update(object: Ref & { revision: number }, fields: object): Promise<T> {
    const path = `${API}${this.path}/${object.id}`;
    return this.of(await change(path, "PUT", { [this.singular]: fields }, object.revision));
  }

  /** Deletes it, whatever has become of it since where no revision is given. */
  async remove(object: Ref & { revision?: number }, query: Query = {}): Promise<void> {
    await change(withQuery(`${API}${this.path}/${object.id}`, query), "DELETE", undefined, object.revision);
  }

  private of(body: Record<string, unknown>): T {
    return body[this.singular] as T;
  }
}

export const loadBalancers = new Kind<LoadBalancer>("loadbalancer", "/loadbalancers");
export const listeners = new Kind<Listener>("listener", "/listeners");
export const pools = new Kind<Pool>("pool", "/pools");
export const healthMonitors = new Kind<HealthMonitor>("healthmonitor", "/healthmonitors");
export const membersOf = (poolId: string) => new Kind<Member>("member", `/pools/${poolId}/members`);

/** All of a list that is short by its nature, such as the pools of one load balancer. */
export async function all<T extends { id: string; revision: number }>(
  kind: Kind<T>,
  query: Query,
  signal?: AbortSignal,
): Promise<T[]> {
  const found: T[] = [];
  for (let marker: string | null = ""; marker !== null;) {
    const page: Page<T> = await kind.list({ ...query, marker }, signal);
    found.push(...page.items);
    marker = page.next;
  }
  return found;
}

export async function capabilities(loadBalancerId: string | null, signal?: AbortSignal): Promise<Capabilities> {
  const path = withQuery(`${API}/capabilities`, { loadbalancer_id: loadBalancerId });
  return (await ask<{ capabilities: Capabilities }>(path, { signal })).capabilities;
}

export async function traffic(loadBalancerId: string, signal?: AbortSignal): Promise<Traffic> {
  const path = `${API}/loadbalancers/${loadBalancerId}/traffic`;
  return (await ask<{ traffic: Traffic }>(path, { signal })).traffic;
}

/** The operating states of the backend servers of each group that clients are led to, by its id. */
export async function memberStates(loadBalancerId: string, signal?: AbortSignal): Promise<Map<string, string[]>> {
  const path = `${API}/loadbalancers/${loadBalancerId}/status`;
  const { statuses } = await ask<{ statuses: StatusTree }>(path, { signal });
  const pools = statuses.loadbalancer.listeners.flatMap((listener) => listener.pools);
  return new Map(pools.map(({ id, members }) => [id, members.map((member) => member.operating_status)]));
}

export async function history(of: Record<string, string[]>, signal?: AbortSignal): Promise<History> {
  const parameters = new URLSearchParams();
  for (const [kind, ids] of Object.entries(of)) ids.forEach((id) => parameters.append(kind, id));
  return (await ask<{ history: History }>(`${API}/history?${parameters}`, { signal })).history;
}

export interface HeldSessions extends Page<HeldSession> {
  total: number;
  carriedByClients: boolean;
}

interface SessionsBody {
  sessions: HeldSession[];
  sessions_links?: Link[];
  total: number;
  carried_by_clients: boolean;
}

function held({ sessions, sessions_links, total, carried_by_clients }: SessionsBody): HeldSessions {
  return { items: sessions, next: nextOf(sessions_links), total, carriedByClients: carried_by_clients };
}

export async function heldSessions(poolId: string, query: Query, signal?: AbortSignal): Promise<HeldSessions> {
  return held(await ask(withQuery(`${API}/pools/${poolId}/sessions`, query), { signal }));
}

/** The session of an application's cookie, by its value. Whoever has that is let in by the application: it is in no address. */
export async function sessionsOfCookie(poolId: string, cookie: string, signal?: AbortSignal): Promise<HeldSessions> {
  return held(await ask(`${API}/pools/${poolId}/sessions/search`, { method: "POST", body: { cookie }, signal }));
}

export async function dropSession(poolId: string, sessionId: string): Promise<void> {
  await ask(`${API}/pools/${poolId}/sessions/${encodeURIComponent(sessionId)}`, { method: "DELETE" });
}

export async function latestEvents(signal?: AbortSignal): Promise<PastEvent[]> {
  return (await ask<{ events: PastEvent[] }>(`${API}/events/latest`, { signal })).events;
}

/** What load balancers can be made by. */
export async function flavors(signal?: AbortSignal): Promise<{ id: string; name: string }[]> {
  const body = await ask<{ flavors: { id: string; name: string; enabled: boolean }[] }>(`${API}/flavors`, { signal });
  return body.flavors.filter(({ enabled }) => enabled);
}
