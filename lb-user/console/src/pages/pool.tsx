import { useState } from "preact/hooks";

import { listeners as listenersApi, all, pools } from "../api/objects";
import type { Capabilities, Listener, LoadBalancer, Member, Pool } from "../api/types";
import { PoolSettings } from "../forms/pool-settings";
import { Review } from "../forms/wizard";
import { useText, word } from "../i18n";
import { protocolName } from "../i18n/format";
import { usePersistenceSummary } from "../i18n/persistence";
import { go, to } from "../router";
import { listenersOf, useCapabilities } from "../state/capabilities";
import { useWhyFixed } from "../state/declared";
import { useMayChange } from "../state/session";
import { useResource } from "../state/use-resource";
import { StateBadge } from "../ui/badge";
import { Changes } from "../ui/changes";
import { Fixed, Loaded } from "../ui/loaded";
import { listenerName, nameOf } from "../ui/name";
import { PageHeader } from "../ui/page-header";
import { Charts } from "./charts";
import { HealthSection } from "./health-section";
import { useLoadBalancer } from "./load-balancer";
import { MembersSection } from "./members-section";
import { RemovePool } from "./pools-tab";
import { SessionsSection } from "./sessions-section";

export function PoolPage({ loadBalancerId, poolId }: { loadBalancerId: string; poolId: string }) {
  const t = useText();
  const can = useCapabilities(loadBalancerId);
  const loadBalancer = useLoadBalancer(loadBalancerId);
  const resource = useResource(
    `pool ${poolId}`,
    async (signal) => {
      const [pool, listeners] = await Promise.all([
        pools.get(poolId, signal),
        all(listenersApi, { loadbalancer_id: loadBalancerId }, signal),
      ]);
      return { pool, listeners: listenersOf(pool, listeners) };
    },
    { isConcerned: ({ kind, id }) => id === poolId || kind === "member" || kind === "health_monitor" },
  );
  return (
    <Loaded resource={loadBalancer} list={{ label: t.loadBalancers, href: to.loadBalancers }}>
      {(lb) => (
        <Loaded resource={can}>
          {(known) => (
            <Loaded resource={resource} list={{ label: t.lb.tabs.pools, href: to.loadBalancer(lb.id, "pools") }}>
              {({ pool, listeners }) => (
                <PoolView can={known} loadBalancer={lb} pool={pool} listeners={listeners} onChanged={resource.reload} />
              )}
            </Loaded>
          )}
        </Loaded>
      )}
    </Loaded>
  );
}

interface Props {
  can: Capabilities;
  loadBalancer: LoadBalancer;
  pool: Pool;
  listeners: Listener[];
  onChanged(): void;
}

function PoolView({ can, loadBalancer, pool, listeners, onChanged }: Props) {
  const t = useText();
  const mayChange = useMayChange();
  const whyFixed = useWhyFixed()(pool);
  const persistence = usePersistenceSummary();
  const [dialog, setDialog] = useState<"settings" | "remove" | null>(null);
  const [heldBy, setHeldBy] = useState<Member | null>(null);
  const close = () => setDialog(null);
  const { id } = loadBalancer;
  return (
    <>
      <PageHeader
        title={nameOf(pool)}
        above={[
          { label: t.loadBalancers, href: to.loadBalancers },
          { label: nameOf(loadBalancer), href: to.loadBalancer(id) },
          { label: t.lb.tabs.pools, href: to.loadBalancer(id, "pools") },
        ]}
        facts={
          <div class="facts">
            <StateBadge of="operating" state={pool.operating_status} />
            <StateBadge of="provisioning" state={pool.provisioning_status} />
          </div>
        }
      >
        <Changes
          why={whyFixed}
          settings={{ name: t.pool.settings(nameOf(pool)), onClick: () => setDialog("settings") }}
          remove={{ name: t.pool.remove(nameOf(pool)), onClick: () => setDialog("remove") }}
        />
      </PageHeader>
      {mayChange && <Fixed why={whyFixed} />}
      <div class="columns">
        <section class="card" aria-label={t.lb.tabs.overview}>
          <Review
            rows={[
              [t.field.name, pool.name || t.none],
              [t.field.protocol, protocolName(pool.protocol)],
              [t.field.algorithm, word(t.algorithm, pool.lb_algorithm)],
              [t.pool.persistence, <span data-testid="persistence">{persistence(pool.session_persistence)}</span>],
              [t.pool.listeners, listeners.map(listenerName).join(", ") || t.pool.unused],
              [t.field.id, <code>{pool.id}</code>],
            ]}
          />
        </section>
        <HealthSection can={can} pool={pool} onChanged={onChanged} />
      </div>
      <MembersSection can={can} pool={pool} onChanged={onChanged} onShowSessions={setHeldBy} />
      <SessionsSection pool={pool} heldBy={heldBy} onShowAll={() => setHeldBy(null)} />
      {pool.session_persistence && (
        <section class="card" aria-label={t.lb.traffic}>
          <Charts of={{ pool_id: pool.id }} />
        </section>
      )}
      {dialog === "settings" && <PoolSettings loadBalancerId={id} pool={pool} onClose={close} onSaved={onChanged} />}
      {dialog === "remove" && (
        <RemovePool pool={pool} onClose={close} onRemoved={() => go(to.loadBalancer(id, "pools"))} />
      )}
    </>
  );
}
