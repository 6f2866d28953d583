import { useEffect, useRef, useState } from "preact/hooks";

import { leave } from "./state/unsaved";

export const LB_TABS = ["overview", "listeners", "pools", "monitoring"] as const;
export type LbTab = (typeof LB_TABS)[number];

export type Route =
  | { page: "load-balancers" }
  | { page: "load-balancer"; loadBalancerId: string; tab: LbTab }
  | { page: "add-listener" | "add-pool"; loadBalancerId: string }
  | { page: "pool"; loadBalancerId: string; poolId: string }
  | { page: "events" }
  | { page: "unknown" };

/** Addresses within the console. */
export const to = {
  loadBalancers: "#/loadbalancers",
  events: "#/events",
  loadBalancer: (id: string, tab: LbTab = "overview") => `#/loadbalancers/${id}/${tab}`,
  pool: (id: string, poolId: string) => `#/loadbalancers/${id}/pools/${poolId}`,
  addListener: (id: string) => `#/loadbalancers/${id}/listeners/new`,
  addPool: (id: string) => `#/loadbalancers/${id}/pools/new`,
};

export function parse(hash: string): Route {
  const [head = "", id, tab, part] = hash.replace(/^#?\/?/, "").split("/");
  if (head === "" || (head === "loadbalancers" && !id)) return { page: "load-balancers" };
  if (head === "events" && !id) return { page: "events" };
  if (head !== "loadbalancers" || !id) return { page: "unknown" };
  if (tab === "listeners" && part === "new") return { page: "add-listener", loadBalancerId: id };
  if (tab === "pools" && part === "new") return { page: "add-pool", loadBalancerId: id };
  if (tab === "pools" && part) return { page: "pool", loadBalancerId: id, poolId: part };
  const known = LB_TABS.find((name) => name === (tab || "overview"));
  return known && !part ? { page: "load-balancer", loadBalancerId: id, tab: known } : { page: "unknown" };
}

export function go(address: string): void {
  location.hash = address;
}

export function useRoute(): Route {
  const [hash, setHash] = useState(location.hash);
  const shown = useRef(hash);
  useEffect(() => {
    const changed = () => {
      if (location.hash === shown.current) return;
      // Whoever has gone on meanwhile is where they have come to, not where they were going to.
      const go = () => {
        shown.current = location.hash;
        setHash(location.hash);
      };
      // Whoever stays is where they were also by the address.
      const stay = () => {
        if (location.hash !== shown.current) history.pushState(null, "", shown.current || location.pathname);
      };
      leave(go, stay);
    };
    addEventListener("hashchange", changed);
    return () => removeEventListener("hashchange", changed);
  }, []);
  return parse(hash);
}
