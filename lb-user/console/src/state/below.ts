import { all, listeners, memberStates, pools } from "../api/objects";
import type { LoadBalancer } from "../api/types";
import { useResource } from "./use-resource";

/** The listeners and the backend server groups of a load balancer, which belong together in all that is shown of them. */
export function useBelow({ id }: Pick<LoadBalancer, "id">) {
  return useResource(
    `below ${id}`,
    async (signal) => {
      const query = { loadbalancer_id: id };
      const [ofListeners, ofPools] = await Promise.all([all(listeners, query, signal), all(pools, query, signal)]);
      return { listeners: ofListeners, pools: ofPools };
    },
    { isConcerned: ({ kind }) => kind !== "health_monitor" },
  );
}

/** How the backend servers of each group are, by its id; of groups that no client is led to nothing is known. */
export function useMemberStates({ id }: Pick<LoadBalancer, "id">): Map<string, string[]> {
  const states = useResource(`states ${id}`, (signal) => memberStates(id, signal), {
    isConcerned: ({ kind }) => kind !== "health_monitor",
  });
  return states.data ?? new Map();
}
