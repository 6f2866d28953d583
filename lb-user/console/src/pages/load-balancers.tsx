import { useState } from "preact/hooks";

import { history, loadBalancers } from "../api/objects";
import type { History, LoadBalancer, Series } from "../api/types";
import { LoadBalancerDialog } from "../forms/load-balancer-dialog";
import { useText } from "../i18n";
import { go, to } from "../router";
import { useWhyFixed } from "../state/declared";
import { useMayChange } from "../state/session";
import { useFirstPageAgain, usePages } from "../state/use-pages";
import { useEvery, useResource } from "../state/use-resource";
import { Action } from "../ui/action";
import { StateBadge } from "../ui/badge";
import { Changes } from "../ui/changes";
import { Sparkline } from "../ui/chart";
import { Loaded } from "../ui/loaded";
import { Name, nameOf } from "../ui/name";
import { PageHeader } from "../ui/page-header";
import { Remove } from "../ui/remove";
import { SearchForm } from "../ui/search";
import { Empty, Pager, Table } from "../ui/table";

const PER_PAGE = 20;
const HISTORY_EVERY_MS = 30_000;

export function LoadBalancersPage() {
  const t = useText();
  const mayChange = useMayChange();
  const whyFixed = useWhyFixed();
  const [search, setSearch] = useState("");
  const pages = usePages(search);
  const [isCreating, setCreating] = useState(false);
  const [removing, setRemoving] = useState<LoadBalancer | null>(null);
  const page = useResource(
    `load-balancers ${search} ${pages.marker}`,
    (signal) => loadBalancers.page(PER_PAGE, pages.marker, { search }, signal),
    { isConcerned: ({ kind }) => kind === "load_balancer", keeps: true },
  );
  useFirstPageAgain(pages, page.error);
  const ids = page.data?.items.map(({ id }) => id) ?? [];
  const past = useResource(
    `history ${ids.join()}`,
    async (signal) => (ids.length > 0 ? history({ loadbalancer_id: ids }, signal) : null),
    { keeps: true },
  );
  useEvery(HISTORY_EVERY_MS, past.reload);
  const create = mayChange && (
    <Action icon="plus" label={t.lb.create} look="primary" onClick={() => setCreating(true)} />
  );

  return (
    <>
      <PageHeader title={t.loadBalancers}>{create}</PageHeader>
      <SearchForm label={t.lb.search} value={search} onSearch={setSearch} />
      <Loaded resource={page}>
        {({ items, next }) =>
          items.length === 0 ? (
            <Empty title={search ? t.lb.nothingFound : t.lb.empty} {...(!search && { hint: t.lb.emptyHint })} />
          ) : (
            <div class="card flush">
              <Table
                caption={t.loadBalancers}
                items={items}
                keyOf={({ id }) => id}
                columns={[
                  {
                    label: t.field.name,
                    isHeader: true,
                    cell: (lb) => <Name href={to.loadBalancer(lb.id)}>{nameOf(lb)}</Name>,
                  },
                  { label: t.lb.vip, cell: (lb) => <code>{lb.vip_address}</code> },
                  { label: t.operating.label, cell: (lb) => <StateBadge of="operating" state={lb.operating_status} /> },
                  {
                    label: t.provisioning.label,
                    cell: (lb) => <StateBadge of="provisioning" state={lb.provisioning_status} />,
                  },
                  { label: t.lb.listeners, isNumeric: true, cell: (lb) => lb.listeners.length },
                  {
                    label: t.lb.traffic,
                    cell: (lb) => <Traffic name={nameOf(lb)} series={seriesOf(past.data, lb.id)} />,
                  },
                  {
                    label: t.do.actions,
                    isActions: true,
                    cell: (lb) => (
                      <Changes
                        look="icon-only"
                        why={whyFixed(lb)}
                        remove={{ name: t.lb.remove(nameOf(lb)), onClick: () => setRemoving(lb) }}
                      />
                    ),
                  },
                ]}
              />
              <Pager pages={pages} next={next} label={t.loadBalancers} />
            </div>
          )
        }
      </Loaded>
      {isCreating && (
        <LoadBalancerDialog
          loadBalancer={null}
          onClose={() => setCreating(false)}
          onDone={(made) => go(to.loadBalancer(made.id))}
        />
      )}
      {removing && (
        <RemoveLoadBalancer loadBalancer={removing} onClose={() => setRemoving(null)} onRemoved={page.reload} />
      )}
    </>
  );
}

function seriesOf(past: History | null, id: string): Record<string, Series> | null {
  return past?.objects.find((object) => object.id === id)?.series ?? null;
}

function Traffic({ name, series }: { name: string; series: Record<string, Series> | null }) {
  const t = useText();
  const { requests_per_s: requests, connections_per_s: connections = [] } = series ?? {};
  const passes = (values: Series) => values.some((value) => value !== null && value > 0);
  // Requests say more than connections, unless there are connections alone.
  const counted = requests && (passes(requests) || !passes(connections)) ? "requests" : "connections";
  return (
    <Sparkline
      title={`${name}, ${t.chart[counted]}`}
      unit={t.chart.perS[counted]}
      values={counted === "requests" && requests ? requests : connections}
    />
  );
}

interface RemoveProps {
  loadBalancer: LoadBalancer;
  onClose(): void;
  onRemoved(): void;
}

export function RemoveLoadBalancer({ loadBalancer, onClose, onRemoved }: RemoveProps) {
  const t = useText().lb;
  const name = nameOf(loadBalancer);
  return (
    <Remove
      kind={loadBalancers}
      object={loadBalancer}
      isCascade
      action={t.remove(name)}
      consequence={t.removeAsk(loadBalancer.listeners.length, loadBalancer.pools.length)}
      done={t.removed(name)}
      onRemoved={onRemoved}
      onClose={onClose}
    />
  );
}
