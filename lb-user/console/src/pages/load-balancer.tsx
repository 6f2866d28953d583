import { useState } from "preact/hooks";

import { loadBalancers } from "../api/objects";
import { LoadBalancerDialog } from "../forms/load-balancer-dialog";
import { useText } from "../i18n";
import { Said } from "../i18n/problem";
import { go, LB_TABS, type LbTab, to } from "../router";
import { useWhyFixed } from "../state/declared";
import { useMayChange } from "../state/session";
import { useResource } from "../state/use-resource";
import { StateBadge } from "../ui/badge";
import { Changes } from "../ui/changes";
import { Alert, Fixed, Loaded } from "../ui/loaded";
import { nameOf } from "../ui/name";
import { PageHeader } from "../ui/page-header";
import { Tabs } from "../ui/tabs";
import { ListenersTab } from "./listeners-tab";
import { RemoveLoadBalancer } from "./load-balancers";
import { MonitoringTab } from "./monitoring-tab";
import { OverviewTab } from "./overview-tab";
import { PoolsTab } from "./pools-tab";

/** The load balancer that a page is about or below. */
export function useLoadBalancer(id: string) {
  return useResource(`load-balancer ${id}`, (signal) => loadBalancers.get(id, signal), {
    isConcerned: (change) => change.id === id || change.kind === "listener" || change.kind === "pool",
  });
}

export function LoadBalancerPage({ id, tab }: { id: string; tab: LbTab }) {
  const t = useText();
  const mayChange = useMayChange();
  const whyFixed = useWhyFixed();
  const resource = useLoadBalancer(id);
  const [dialog, setDialog] = useState<"edit" | "remove" | null>(null);
  const close = () => setDialog(null);
  return (
    <Loaded resource={resource} list={{ label: t.loadBalancers, href: to.loadBalancers }}>
      {(lb) => (
        <>
          <PageHeader
            title={nameOf(lb)}
            above={[{ label: t.loadBalancers, href: to.loadBalancers }]}
            facts={
              <div class="facts">
                <code>{lb.vip_address}</code>
                <StateBadge of="operating" state={lb.operating_status} />
                <StateBadge of="provisioning" state={lb.provisioning_status} />
              </div>
            }
          >
            <Changes
              why={whyFixed(lb)}
              edit={{ name: t.do.edit, onClick: () => setDialog("edit") }}
              remove={{ name: t.lb.remove(nameOf(lb)), onClick: () => setDialog("remove") }}
            />
          </PageHeader>
          {lb.status_reason && (
            <Alert title={t.lb.failed}>
              <Said>{lb.status_reason}</Said>
            </Alert>
          )}
          {mayChange && <Fixed why={whyFixed(lb)} />}
          <Tabs
            label={t.lb.title(nameOf(lb))}
            tabs={LB_TABS.map((key) => ({ key, label: t.lb.tabs[key] }))}
            selected={tab}
            onSelect={(key) => go(to.loadBalancer(id, key))}
          >
            {tab === "overview" && <OverviewTab loadBalancer={lb} />}
            {tab === "listeners" && <ListenersTab loadBalancer={lb} />}
            {tab === "pools" && <PoolsTab loadBalancer={lb} />}
            {tab === "monitoring" && <MonitoringTab loadBalancer={lb} />}
          </Tabs>
          {dialog === "edit" && <LoadBalancerDialog loadBalancer={lb} onClose={close} onDone={resource.reload} />}
          {dialog === "remove" && (
            <RemoveLoadBalancer loadBalancer={lb} onClose={close} onRemoved={() => go(to.loadBalancers)} />
          )}
        </>
      )}
    </Loaded>
  );
}
