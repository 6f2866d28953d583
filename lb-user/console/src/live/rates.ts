import type { MemberTraffic, PoolTraffic, Traffic } from "../api/types";

/** How much of a counter there is per second; null while there is only one sample, or none of this object. */
export function rate(samples: Traffic[], counter: (sample: Traffic) => number | null | undefined): number | null {
  const known = samples.flatMap((sample) => {
    const value = counter(sample);
    return value === null || value === undefined ? [] : [{ at: sample.at_ms, value }];
  });
  const [first, last] = [known[0], known[known.length - 1]];
  if (!first || !last || last.at <= first.at) return null;
  // A counter that has become less was begun anew: there is nothing to compare with.
  return last.value < first.value ? null : ((last.value - first.value) * 1000) / (last.at - first.at);
}

/** What there is more of where more is to be done: requests of HTTP; of UDP, which knows no connections, flows. */
export type Counted = "requests" | "connections" | "flows";

export function counted(isHttp: boolean, protocol: string): Counted {
  return isHttp ? "requests" : protocol === "UDP" ? "flows" : "connections";
}

/** The rate of a counter of one listener. */
export function listenerRate(
  samples: Traffic[],
  id: string,
  counter: "connections" | "requests" | "errors" | "bytes_in" | "bytes_out",
): number | null {
  return rate(samples, (sample) => sample.listeners.find((listener) => listener.id === id)?.[counter]);
}

export function poolTraffic(samples: Traffic[], id: string): PoolTraffic | null {
  return samples[samples.length - 1]?.pools.find((pool) => pool.id === id) ?? null;
}

/** What one member of a pool has, and how much of all that is. */
export interface Share {
  member: MemberTraffic;
  /** New connections or requests per second. */
  newPerS: number | null;
  ofNew: number | null;
  ofSessions: number | null;
}

/** What is whose in a pool, by the members' ids. */
export function shares(samples: Traffic[], poolId: string): Map<string, Share> {
  const latest = poolTraffic(samples, poolId);
  if (!latest) return new Map();
  // A pool may have a thousand members: each sample is looked through once.
  const begun = samples.map((sample) => {
    const pool = sample.pools.find(({ id }) => id === poolId);
    return new Map(pool?.members.map((member) => [member.id, member.begun]));
  });
  const found = latest.members.map((member) => ({
    member,
    newPerS: rate(samples, (sample) => begun[samples.indexOf(sample)]?.get(member.id)),
  }));
  const sum = (values: (number | null)[]) => values.reduce<number>((total, value) => total + (value ?? 0), 0);
  const allNew = sum(found.map(({ newPerS }) => newPerS));
  const allSessions = sum(found.map(({ member }) => member.sessions));
  const part = (value: number | null, of: number) => (value === null ? null : of > 0 ? value / of : 0);
  return new Map(
    found.map(({ member, newPerS }) => [
      member.id,
      { member, newPerS, ofNew: part(newPerS, allNew), ofSessions: part(member.sessions, allSessions) },
    ]),
  );
}
