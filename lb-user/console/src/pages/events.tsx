import { useId, useState } from "preact/hooks";

import { latestChanges } from "../api/objects";
import type { PastChange } from "../api/types";
import { useText, word } from "../i18n";
import { useFormat } from "../i18n/format";
import { to } from "../router";
import { useResource } from "../state/use-resource";
import { StateBadge } from "../ui/badge";
import { Loaded } from "../ui/loaded";
import { Name } from "../ui/name";
import { PageHeader } from "../ui/page-header";
import { Empty, Table } from "../ui/table";

const SHOWN = 500;

/** What has changed, the latest first, and what changes. */
export function EventsPage() {
  const t = useText();
  const { time } = useFormat();
  const select = useId();
  const [kind, setKind] = useState("");
  // The stream says that something has changed; the names are in the list.
  const latest = useResource("events", latestChanges, { isConcerned: () => true });
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
          const shown = all.filter((event) => kind === "" || event.kind === kind).slice(0, SHOWN);
          return shown.length === 0 ? (
            <Empty title={all.length === 0 ? t.event.empty : t.event.emptyOfKind} hint={t.event.emptyHint} />
          ) : (
            <div class="card flush">
              <Table
                caption={t.events}
                items={numbered(shown)}
                keyOf={({ key }) => key}
                columns={[
                  { label: t.event.when, cell: ({ event }) => <time dateTime={event.at}>{time(event.at)}</time> },
                  {
                    label: t.event.which,
                    isHeader: true,
                    cell: ({ event }) => (
                      <>
                        <span class="kind">{word(t.event.kinds, event.kind)}</span>{" "}
                        <Name {...placeOf(event)}>{event.name || event.id.slice(0, 8)}</Name>
                      </>
                    ),
                  },
                  { label: t.event.what, cell: ({ event }) => t.event[event.event] },
                  {
                    label: t.operating.label,
                    cell: ({ event }) =>
                      event.operating_status && <StateBadge of="operating" state={event.operating_status} />,
                  },
                  {
                    label: t.provisioning.label,
                    cell: ({ event }) =>
                      event.provisioning_status && <StateBadge of="provisioning" state={event.provisioning_status} />,
                  },
                ]}
              />
            </div>
          );
        }}
      </Loaded>
    </>
  );
}

/** Where it can be looked at; of what is below a load balancer an event does not say where. */
function placeOf({ event, kind, id }: PastChange): { href?: string } {
  return kind === "load_balancer" && event !== "gone" ? { href: to.loadBalancer(id) } : {};
}

/** An object may change more than once in a moment: the oldest ones keep their keys as new ones come. */
function numbered(events: PastChange[]): { key: string; event: PastChange }[] {
  const seen = new Map<string, number>();
  return [...events]
    .reverse()
    .map((event) => {
      const base = `${event.at} ${event.id} ${event.event}`;
      const times = (seen.get(base) ?? 0) + 1;
      seen.set(base, times);
      return { key: `${base} ${times}`, event };
    })
    .reverse();
}
