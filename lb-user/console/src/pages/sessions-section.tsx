import { useEffect, useId, useRef, useState } from "preact/hooks";

import { dropSession, type HeldSessions, heldSessions, sessionsOfCookie } from "../api/objects";
import type { HeldSession, Member, Pool, SessionCounts } from "../api/types";
import { addressOrNetwork, sessionId } from "../forms/check";
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
      {props.pool.session_persistence ? (
        <Sessions key={props.pool.session_persistence.type} {...props} />
      ) : (
        <p class="hint">{t.off}</p>
      )}
    </section>
  );
}

/** What a session is looked for by: where its client is, the value of its cookie, or what stands for that here. */
type By = "client" | "cookie" | "id";

interface Sought {
  by: By;
  /** Empty: all of them. */
  text: string;
}

/** Those of a page that are sought. */
function find(pool: Pool, { by, text }: Sought, heldBy: Member | null, marker: string, signal: AbortSignal) {
  if (by === "cookie" && text) return ofCookie(pool, text, heldBy, signal);
  const sought = by === "client" ? { client: text } : { cookie: text.toLowerCase() };
  return heldSessions(pool.id, { limit: PER_PAGE, marker, member_id: heldBy?.id, ...sought }, signal);
}

/** There is one at most, and it is asked for by nothing but the cookie. */
async function ofCookie(pool: Pool, value: string, heldBy: Member | null, signal: AbortSignal): Promise<HeldSessions> {
  const found = await sessionsOfCookie(pool.id, value, signal);
  const items = found.items.filter(({ member_id }) => !heldBy || member_id === heldBy.id);
  return { ...found, items, total: items.length };
}

function Sessions({ pool, heldBy, onShowAll }: Props) {
  const t = useText();
  const isByCookie = pool.session_persistence?.type === "APP_COOKIE";
  const [sought, setSought] = useState<Sought>({ by: isByCookie ? "cookie" : "client", text: "" });
  const [dropping, setDropping] = useState<HeldSession | null>(null);
  const wanted = `${pool.id} ${heldBy?.id ?? ""} ${sought.by} ${sought.text}`;
  const pages = usePages(wanted);
  const page = useResource(
    `sessions ${wanted} ${pages.marker}`,
    (signal) => find(pool, sought, heldBy, pages.marker, signal),
    { keeps: true },
  );
  const isNarrowed = sought.text !== "" || heldBy !== null;
  useEvery(LOOK_EVERY_MS, page.reload);
  useFirstPageAgain(pages, page.error);

  return (
    <>
      <Counts poolId={pool.id} />
      {!page.data?.carriedByClients && <Search pool={pool} sought={sought} onSearch={setSought} />}
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
                  title={isNarrowed ? t.sessions.nothingFound : t.sessions.empty}
                  {...(!isNarrowed && { hint: t.sessions.emptyHint })}
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

/** Looks for the sessions of a client, as the type of session persistence knows clients. */
function Search({ pool, sought, onSearch }: { pool: Pool; sought: Sought; onSearch(sought: Sought): void }) {
  const t = useText();
  const words = t.sessions.by;
  const cookie = pool.session_persistence?.cookie_name ?? "";
  const { [sought.by]: ways } = {
    client: { hint: words.clientHint, check: (value: string) => addressOrNetwork(t, value) },
    cookie: { hint: words.cookieHint(cookie), check: () => null },
    id: { hint: words.idHint, check: (value: string) => sessionId(t, value) },
  };
  return (
    <SearchForm
      label={words[sought.by]}
      {...ways}
      kind={sought.by}
      value={sought.text}
      onSearch={(text) => onSearch({ ...sought, text })}
    >
      {sought.by !== "client" && (
        <select
          aria-label={words.label}
          value={sought.by}
          // Nothing goes along: what was looked for as a value must not be asked for as an id, which is in an address.
          onChange={(event) => onSearch({ by: event.currentTarget.value as By, text: "" })}
        >
          {(["cookie", "id"] as const).map((by) => (
            <option key={by} value={by} selected={by === sought.by}>
              {words[by]}
            </option>
          ))}
        </select>
      )}
    </SearchForm>
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
