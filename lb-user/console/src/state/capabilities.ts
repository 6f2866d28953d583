import { capabilities } from "../api/objects";
import type { Capabilities, Listener, Pool, Protocol } from "../api/types";
import { type Resource, useResource } from "./use-resource";

/** What one load balancer can have, or any. */
export function useCapabilities(loadBalancerId: string | null): Resource<Capabilities> {
  return useResource(`capabilities ${loadBalancerId ?? ""}`, (signal) => capabilities(loadBalancerId, signal));
}

/** What there is to choose from where something is made: nothing twice by different names. */
export function choices<P extends Protocol>(protocols: P[]): P[] {
  return protocols.filter(({ alias_of }) => alias_of === null);
}

/** The pools that a listener of this protocol can lead to. */
export function poolsFor(can: Capabilities, protocol: string, pools: Pool[]): Pool[] {
  const fitting = can.listener_protocols.find(({ name }) => name === protocol)?.pool_protocols ?? [];
  return pools.filter((pool) => fitting.includes(pool.protocol));
}

export function listenersOf(pool: Pool, listeners: Listener[]): Listener[] {
  return listeners.filter(({ id }) => pool.listeners.some((ref) => ref.id === id));
}
