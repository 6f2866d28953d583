import type { LoadBalancer } from "../api/types";
import { Review } from "../forms/wizard";
import { useText, word } from "../i18n";
import { useFormat } from "../i18n/format";
import { to } from "../router";
import { useBelow } from "../state/below";
import { useCapabilities } from "../state/capabilities";
import { Loaded } from "../ui/loaded";
import { Empty } from "../ui/table";
import { Charts } from "./charts";
import { AddListener } from "./listeners-tab";
import { Paths } from "./paths";

/** A load balancer at a glance: where its clients are led, what passes, and what it is. */
export function OverviewTab({ loadBalancer: lb }: { loadBalancer: LoadBalancer }) {
  const t = useText();
  const { time } = useFormat();
  const below = useBelow(lb);
  const can = useCapabilities(lb.id).data;
  const subnet = can?.subnets.find(({ id }) => id === lb.vip_subnet_id);
  return (
    <>
      <Loaded resource={below}>
        {({ listeners, pools }) =>
          listeners.length === 0 ? (
            <Empty title={t.listener.empty} hint={t.listener.emptyHint}>
              <AddListener loadBalancer={lb} />
            </Empty>
          ) : (
            <Paths loadBalancer={lb} listeners={listeners} pools={pools} />
          )
        }
      </Loaded>
      <section class="card" aria-label={t.lb.traffic}>
        <Charts of={{ loadbalancer_id: lb.id }} only={["connections", "requests", "open"]} />
      </section>
      <section class="card" aria-label={t.lb.tabs.overview}>
        <Review
          rows={[
            [t.field.name, lb.name || t.none],
            [t.field.description, lb.description || t.none],
            ...(can ? [[t.lb.kind, can.kinds.map((kind) => word(t.lb.kinds, kind)).join(", ")] as [string, string]] : []),
            [t.lb.vip, <code>{lb.vip_address}</code>],
            ...(subnet ? [[t.lb.subnet, `${subnet.name} (${subnet.cidr})`] as [string, string]] : []),
            [t.lb.tabs.listeners, <a href={to.loadBalancer(lb.id, "listeners")}>{lb.listeners.length}</a>],
            [t.lb.tabs.pools, <a href={to.loadBalancer(lb.id, "pools")}>{lb.pools.length}</a>],
            [t.field.created, time(lb.created_at)],
            [t.field.updated, time(lb.updated_at)],
            [t.field.id, <code>{lb.id}</code>],
          ]}
        />
      </section>
    </>
  );
}
