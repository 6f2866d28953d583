import { useEffect, useId, useRef, useState } from "preact/hooks";

import { dropSession, type HeldSessions, heldSessions } from "../api/objects";
import type { HeldSession, Member, Pool, SessionCounts } from "../api/types";
import { address } from "../forms/check";
import { useText } from "../i18n";
import { useFormat } from "../i18n/format";
import { useTraffic } from "../live/context";
import { poolTraffic, rate } from "../live/rates";
import { announce } from "../state/announcements";
import { useMayChange } from "../state/session";
import { useFirstPageAgain, usePages } from "../state/use-pages";
import { useEvery, useResource } from "../state/use-resource";
import { Confirm } from "../ui/confirm";
import { Action } from "../ui/action";
import { Alert, Loaded } from "../ui/loaded";
import { memberName, Name } from "../ui/name";
import { SearchForm } from "../ui/search";
import { Empty, Pager, Table } from "../ui/table";

const PER_PAGE = 20;
const LOOK_EVERY_MS = 5_000;

/** A cookie is known by 16 hexadecimal characters; all else that is looked for is an address. */
const COOKIE = /^[0-9a-f]{16}$/i;

interface Props {
  pool: Pool;
  /** Only those that are held by this one. */
  heldBy: Member | null;
  onShowAll(): void;
}

export function SessionsSection(props: Props) {
  const t = useText().sessions;
  const id = useId();
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    if (props.heldBy) heading.current?.focus();
  }, [props.heldBy]);
  return (
    <section class="card" aria-labelledby={id}>
      <h2 id={id} ref={heading} tabIndex={-1}>
        {t.title}
      </h2>
      {props.pool.session_persistence ? <Sessions {...props} /> : <p class="hint">{t.off}</p>}
    </section>
  );
}

function Sessions({ pool, heldBy, onShowAll }: Props) {
  const t = useText();
  const [sought, setSought] = useState("");
  const [dropping, setDropping] = useState<HeldSession | null>(null);
  const type = pool.session_persistence?.type ?? "";
  const pages = usePages(`${pool.id} ${type} ${sought} ${heldBy?.id ?? ""}`);
  const page = useResource(
    `sessions ${pool.id} ${type} ${sought} ${heldBy?.id ?? ""} ${pages.marker}`,
    (signal) => {
      const by = COOKIE.test(sought) ? { cookie: sought.toLowerCase() } : { client: sought };
      const query = { limit: PER_PAGE, marker: pages.marker, member_id: heldBy?.id, ...by };
      return heldSessions(pool.id, query, signal);
    },
    { keeps: true },
  );
  useEvery(LOOK_EVERY_MS, page.reload);
  useFirstPageAgain(pages, page.error);

  return (
    <>
      <Counts poolId={pool.id} />
      {!page.data?.carriedByClients && (
        <SearchForm
          label={t.sessions.search}
          hint={t.sessions.searchHint}
          value={sought}
          check={(value) => (COOKIE.test(value) ? null : address(t, value) && t.wrong.sought)}
          onSearch={setSought}
        />
      )}
      {heldBy && (
        <p class="hint">
          {t.sessions.onMember(memberName(heldBy))}{" "}
          <button type="button" class="link" onClick={onShowAll}>
            {t.sessions.allMembers}
          </button>
        </p>
      )}
      <Loaded resource={page}>
        {(held) =>
          held.carriedByClients ? (
            <Alert tone="info">{t.sessions.carried}</Alert>
          ) : (
            <>
              {held.items.length === 0 ? (
                <Empty
                  title={sought || heldBy ? t.sessions.nothingFound : t.sessions.empty}
                  {...(!sought && !heldBy && { hint: t.sessions.emptyHint })}
                />
              ) : (
                <>
                  <p class="hint">{t.sessions.total(held.total)}</p>
                  <HeldTable held={held} onDrop={setDropping} />
                  <Pager pages={pages} next={held.next} label={t.sessions.title} />
                </>
              )}
            </>
          )
        }
      </Loaded>
      {dropping && (
        <Confirm
          action={t.sessions.drop(dropping.id)}
          consequence={t.sessions.dropAsk}
          confirm={async () => {
            await dropSession(pool.id, dropping.id);
            announce(t.sessions.dropped(dropping.id));
            page.reload();
          }}
          onClose={() => setDropping(null)}
        />
      )}
    </>
  );
}

function HeldTable({ held, onDrop }: { held: HeldSessions; onDrop(session: HeldSession): void }) {
  const t = useText();
  const { seconds } = useFormat();
  const mayChange = useMayChange();
  return (
    <Table
      caption={t.sessions.title}
      items={held.items}
      keyOf={({ id }) => id}
      columns={[
        { label: t.sessions.key, isHeader: true, cell: ({ id }) => <code>{id}</code> },
        { label: t.sessions.server, cell: ({ member }) => (member ? <Name>{member}</Name> : t.none) },
        { label: t.sessions.age, isNumeric: true, cell: ({ age_s }) => seconds(age_s) },
        { label: t.sessions.idle, isNumeric: true, cell: ({ idle_s }) => seconds(idle_s) },
        { label: t.sessions.ends, isNumeric: true, cell: ({ ends_in_s }) => seconds(ends_in_s) },
        {
          label: t.do.actions,
          isActions: true,
          cell: (session) =>
            mayChange && (
              <Action
                icon="cross"
                label={t.sessions.drop(session.id)}
                look="icon-only"
                onClick={() => onDrop(session)}
              />
            ),
        },
      ]}
    />
  );
}

/** How many sessions there are, and what becomes of them. */
function Counts({ poolId }: { poolId: string }) {
  const t = useText().sessions;
  const { number } = useFormat();
  const samples = useTraffic();
  const perSecond = (counter: keyof SessionCounts) =>
    rate(samples, (sample) => sample.pools.find(({ id }) => id === poolId)?.sessions?.[counter]);
  const counts: [string, number | null][] = [
    [t.now, poolTraffic(samples, poolId)?.sessions?.now ?? null],
    [t.created, perSecond("created")],
    [t.held, perSecond("held")],
    [t.moved, perSecond("moved")],
  ];
  return (
    <dl class="counts">
      {counts.map(([label, value]) => (
        <div key={label}>
          <dt>{label}</dt>
          <dd>{number(value)}</dd>
        </div>
      ))}
    </dl>
  );
}
