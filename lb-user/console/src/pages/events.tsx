import { useId, useState } from "preact/hooks";

import { latestEvents } from "../api/objects";
import type { PastEvent } from "../api/types";
import { useText, word } from "../i18n";
import { useFormat } from "../i18n/format";
import { Said } from "../i18n/problem";
import { to } from "../router";
import { useResource } from "../state/use-resource";
import { StateBadge } from "../ui/badge";
import { Icon } from "../ui/icons";
import { Loaded } from "../ui/loaded";
import { listenerName, memberName, Name, nameOf } from "../ui/name";
import { PageHeader } from "../ui/page-header";
import { Empty, Table } from "../ui/table";

/** What has happened, the latest first, and what happens. */
export function EventsPage() {
  const t = useText();
  const { time } = useFormat();
  const select = useId();
  const [kind, setKind] = useState("");
  // The stream says that something has changed; what that was is in the list.
  const latest = useResource("events", latestEvents, { isConcerned: () => true });
  return (
    <>
      <PageHeader title={t.events} />
      <div class="inline-field toolbar-start">
        <label for={select}>{t.event.filter}</label>
        <select id={select} value={kind} onChange={(event) => setKind(event.currentTarget.value)}>
          <option value="">{t.event.all}</option>
          {Object.entries(t.event.kinds).map(([value, label]) => (
            <option key={value} value={value}>
              {label}
            </option>
          ))}
        </select>
      </div>
      <Loaded resource={latest}>
        {(all) => {
          const rows = toRows(all).filter(({ event }) => kind === "" || event.kind === kind);
          return rows.length === 0 ? (
            <Empty title={all.length === 0 ? t.event.empty : t.event.emptyOfKind} hint={t.event.emptyHint} />
          ) : (
            <div class="card flush">
              <Table
                caption={t.events}
                items={rows}
                keyOf={({ key }) => key}
                columns={[
                  { label: t.event.when, cell: ({ event }) => <time dateTime={event.at}>{time(event.at)}</time> },
                  {
                    label: t.event.which,
                    isHeader: true,
                    cell: ({ event, href }) => (
                      <>
                        <span class="kind">{word(t.event.kinds, event.kind)}</span>{" "}
                        <Name {...(href && { href })}>{titleOf(event)}</Name>
                      </>
                    ),
                  },
                  { label: t.event.what, cell: ({ event }) => <What event={event} /> },
                  { label: t.field.state, cell: ({ event }) => <State event={event} /> },
                ]}
              />
            </div>
          );
        }}
      </Loaded>
    </>
  );
}

/** What has happened, and why, where that is known. */
function What({ event }: { event: PastEvent }) {
  const t = useText().event;
  const { operating_status: now, previous_operating_status: before, provisioning_status: set } = event;
  const isRefused = set === "ERROR";
  const said =
    event.event !== "status_changed"
      ? t[event.event]
      : before && now
        ? word(t.became, now)
        : isRefused
          ? t.refused
          : t.accepted;
  return (
    <div>
      {said}
      {event.reason && (
        <p class="hint">
          <Said>{event.reason}</Said>
        </p>
      )}
    </div>
  );
}

/** How it was before and is since then. That all is as it was asked to be goes without saying. */
function State({ event }: { event: PastEvent }) {
  const t = useText().event;
  const { operating_status: now, previous_operating_status: before, provisioning_status: set } = event;
  const isAsAsked = set === undefined || set === "ACTIVE";
  if (!now && isAsAsked) return null;
  return (
    <div class="badges">
      {before && (
        <>
          <StateBadge of="operating" state={before} />
          <Icon name="right" />
          <span class="unseen">{t.then}</span>
        </>
      )}
      {now && <StateBadge of="operating" state={now} />}
      {!isAsAsked && <StateBadge of="provisioning" state={set} />}
    </div>
  );
}

/** What to call it. */
function titleOf(event: PastEvent): string {
  const { name, address, protocol, protocol_port } = event;
  if (protocol_port !== undefined && address !== undefined) return memberName({ name, address, protocol_port });
  if (protocol_port !== undefined && protocol !== undefined) return listenerName({ name, protocol, protocol_port });
  return nameOf(event);
}

/** The page on which it can be looked at. */
function pageOf({ loadbalancer_id, pool_id, kind }: PastEvent): string | null {
  if (!loadbalancer_id) return null;
  if (pool_id) return to.pool(loadbalancer_id, pool_id);
  return to.loadBalancer(loadbalancer_id, kind === "load_balancer" ? "overview" : "listeners");
}

interface Row {
  key: string;
  event: PastEvent;
  /** Where it can be looked at, if it is there still. */
  href: string | null;
}

/** One thing may happen more than once in a second: the oldest ones keep their keys as new ones come. */
function toRows(events: PastEvent[]): Row[] {
  const last = new Map<string, PastEvent>();
  const times = new Map<string, number>();
  const oldestFirst = [...events].reverse();
  oldestFirst.forEach((event) => last.set(event.id, event));
  const rows = oldestFirst.map((event) => {
    const base = `${event.at} ${event.id} ${event.event}`;
    const nth = (times.get(base) ?? 0) + 1;
    times.set(base, nth);
    const isGone = last.get(event.id)?.event === "deleted";
    return { key: `${base} ${nth}`, event, href: isGone ? null : pageOf(event) };
  });
  return rows.reverse();
}
