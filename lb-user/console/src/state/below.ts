import { all, listeners, pools } from "../api/objects";
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
