import type { LoadBalancer } from "../api/types";
import { useText } from "../i18n";
import { useFormat } from "../i18n/format";
import { Review } from "../forms/wizard";
import { to } from "../router";
import { useCapabilities } from "../state/capabilities";
import { Charts } from "./charts";

export function OverviewTab({ loadBalancer: lb }: { loadBalancer: LoadBalancer }) {
  const t = useText();
  const { time } = useFormat();
  const subnet = useCapabilities(lb.id).data?.subnets.find(({ id }) => id === lb.vip_subnet_id);
  return (
    <div class="columns">
      <section class="card" aria-label={t.lb.tabs.overview}>
        <Review
          rows={[
            [t.lb.vip, <code>{lb.vip_address}</code>],
            ...(subnet ? [[t.lb.subnet, `${subnet.name} (${subnet.cidr})`] as [string, string]] : []),
            [t.field.description, lb.description || t.none],
            [t.lb.tabs.listeners, <a href={to.loadBalancer(lb.id, "listeners")}>{lb.listeners.length}</a>],
            [t.lb.tabs.pools, <a href={to.loadBalancer(lb.id, "pools")}>{lb.pools.length}</a>],
            [t.field.created, time(lb.created_at)],
            [t.field.updated, time(lb.updated_at)],
            [t.field.id, <code>{lb.id}</code>],
          ]}
        />
      </section>
      <section class="card" aria-label={t.lb.traffic}>
        <Charts of={{ loadbalancer_id: lb.id }} only={["connections", "requests", "open"]} />
      </section>
    </div>
  );
}
