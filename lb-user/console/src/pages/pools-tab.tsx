import { useState } from "preact/hooks";

import { pools as poolsApi } from "../api/objects";
import type { LoadBalancer, Pool } from "../api/types";
import { PoolSettings } from "../forms/pool-settings";
import { useText, word } from "../i18n";
import { protocolName, useFormat } from "../i18n/format";
import { usePersistenceSummary } from "../i18n/persistence";
import { useTraffic } from "../live/context";
import { poolTraffic } from "../live/rates";
import { to } from "../router";
import { useBelow, useMemberStates } from "../state/below";
import { listenersOf } from "../state/capabilities";
import { useWhyFixed } from "../state/declared";
import { useMayChange } from "../state/session";
import { Action } from "../ui/action";
import { StateBadge } from "../ui/badge";
import { Changes } from "../ui/changes";
import { Loaded } from "../ui/loaded";
import { listenerName, Name, nameOf } from "../ui/name";
import { Remove } from "../ui/remove";
import { Empty, Table } from "../ui/table";
import { Tally } from "../ui/tally";

export function PoolsTab({ loadBalancer }: { loadBalancer: LoadBalancer }) {
  const t = useText();
  const { number } = useFormat();
  const persistence = usePersistenceSummary();
  const mayChange = useMayChange();
  const whyFixed = useWhyFixed();
  const samples = useTraffic();
  const below = useBelow(loadBalancer);
  const states = useMemberStates(loadBalancer);
  const [changing, setChanging] = useState<Pool | null>(null);
  const [removing, setRemoving] = useState<Pool | null>(null);
  return (
    <>
      {mayChange && (
        <div class="toolbar">
          <Action
            icon="plus"
            label={t.pool.add}
            look="primary"
            why={whyFixed(loadBalancer)}
            href={to.addPool(loadBalancer.id)}
          />
        </div>
      )}
      <Loaded resource={below}>
        {({ listeners, pools }) =>
          pools.length === 0 ? (
            <Empty title={t.pool.empty} hint={t.pool.emptyHint} />
          ) : (
            <div class="card flush">
              <Table
                caption={t.lb.tabs.pools}
                items={pools}
                keyOf={({ id }) => id}
                columns={[
                  {
                    label: t.field.name,
                    isHeader: true,
                    cell: (pool) => <Name href={to.pool(loadBalancer.id, pool.id)}>{nameOf(pool)}</Name>,
                  },
                  { label: t.field.protocol, cell: (pool) => protocolName(pool.protocol) },
                  { label: t.field.algorithm, cell: (pool) => word(t.algorithm, pool.lb_algorithm) },
                  { label: t.pool.persistence, cell: (pool) => persistence(pool.session_persistence) },
                  {
                    label: t.pool.listeners,
                    cell: (pool) =>
                      pool.listeners.length > 0 ? (
                        <Name>{listenersOf(pool, listeners).map(listenerName).join(", ")}</Name>
                      ) : (
                        <span class="hint">{t.pool.unused}</span>
                      ),
                  },
                  {
                    label: t.pool.members,
                    cell: (pool) =>
                      states.has(pool.id) ? <Tally states={states.get(pool.id) ?? []} /> : number(pool.members.length),
                  },
                  {
                    label: t.member.sessions,
                    isNumeric: true,
                    cell: (pool) => number(poolTraffic(samples, pool.id)?.sessions?.now ?? null),
                  },
                  {
                    label: t.field.state,
                    cell: (pool) => <StateBadge of="operating" state={pool.operating_status} />,
                  },
                  {
                    label: t.do.actions,
                    isActions: true,
                    cell: (pool) => (
                      <Changes
                        look="icon-only"
                        why={whyFixed(pool)}
                        settings={{ name: t.pool.settings(nameOf(pool)), onClick: () => setChanging(pool) }}
                        remove={{ name: t.pool.remove(nameOf(pool)), onClick: () => setRemoving(pool) }}
                      />
                    ),
                  },
                ]}
              />
            </div>
          )
        }
      </Loaded>
      {changing && (
        <PoolSettings
          loadBalancerId={loadBalancer.id}
          pool={changing}
          onClose={() => setChanging(null)}
          onSaved={below.reload}
        />
      )}
      {removing && <RemovePool pool={removing} onClose={() => setRemoving(null)} onRemoved={below.reload} />}
    </>
  );
}

export function RemovePool({ pool, onClose, onRemoved }: { pool: Pool; onClose(): void; onRemoved(): void }) {
  const t = useText().pool;
  const name = nameOf(pool);
  return (
    <Remove
      kind={poolsApi}
      object={pool}
      action={t.remove(name)}
      consequence={t.removeAsk(pool.members.length)}
      done={t.removed(name)}
      onRemoved={onRemoved}
      onClose={onClose}
    />
  );
}
