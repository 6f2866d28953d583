import { useId } from "preact/hooks";

import type { Listener, LoadBalancer, Pool } from "../api/types";
import { useText } from "../i18n";
import { useFormat } from "../i18n/format";
import { usePersistenceSummary } from "../i18n/persistence";
import { useTraffic } from "../live/context";
import { counted, listenerRate, poolTraffic } from "../live/rates";
import { to } from "../router";
import { useMemberStates } from "../state/below";
import { StateBadge } from "../ui/badge";
import { Door, listenerName, Name, nameOf } from "../ui/name";
import { Table } from "../ui/table";
import { Tally } from "../ui/tally";

interface Props {
  loadBalancer: LoadBalancer;
  listeners: Listener[];
  pools: Pool[];
}

/** Where clients are led: from each listener to the backend servers behind it, and how many there are now. */
export function Paths({ loadBalancer, listeners, pools }: Props) {
  const t = useText();
  const { number } = useFormat();
  const heading = useId();
  const persistence = usePersistenceSummary();
  const samples = useTraffic();
  const states = useMemberStates(loadBalancer);
  const paths = listeners.map((listener) => ({
    listener,
    pool: pools.find(({ id }) => id === listener.default_pool_id) ?? null,
  }));
  return (
    <section class="card flush" aria-labelledby={heading}>
      <h2 id={heading}>{t.lb.paths}</h2>
      <Table
        caption={t.lb.paths}
        items={paths}
        keyOf={({ listener }) => listener.id}
        columns={[
          {
            label: t.listener.step,
            isHeader: true,
            cell: ({ listener }) => <Name>{listenerName(listener)}</Name>,
          },
          {
            label: `${t.field.protocol}:${t.field.port}`,
            cell: ({ listener }) => <Door listener={listener} />,
          },
          {
            label: t.field.state,
            cell: ({ listener }) => <StateBadge of="operating" state={listener.operating_status} />,
          },
          {
            label: t.listener.defaultPool,
            cell: ({ pool }) => (pool ? <Name href={to.pool(loadBalancer.id, pool.id)}>{nameOf(pool)}</Name> : t.none),
          },
          {
            label: t.pool.members,
            cell: ({ pool }) => pool && <Tally states={states.get(pool.id) ?? []} />,
          },
          { label: t.pool.persistence, cell: ({ pool }) => pool && persistence(pool.session_persistence) },
          {
            label: t.member.sessions,
            isNumeric: true,
            cell: ({ pool }) => number((pool && poolTraffic(samples, pool.id)?.sessions?.now) ?? null),
          },
          {
            label: t.lb.traffic,
            isNumeric: true,
            cell: ({ listener: { id, protocol } }) => {
              const requests = listenerRate(samples, id, "requests");
              const perS = requests ?? listenerRate(samples, id, "connections");
              const unit = t.chart.perS[counted(requests !== null, protocol)];
              return perS === null ? number(null) : `${number(perS)} ${unit}`;
            },
          },
        ]}
      />
    </section>
  );
}
