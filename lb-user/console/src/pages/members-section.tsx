import { useId, useState } from "preact/hooks";

import { membersOf } from "../api/objects";
import type { Capabilities, Member, Pool } from "../api/types";
import { MemberDialog } from "../forms/member-dialog";
import { useEdited } from "../forms/draft";
import { useText, word } from "../i18n";
import { useFormat } from "../i18n/format";
import { Said } from "../i18n/problem";
import { useTraffic } from "../live/context";
import { counted, shares } from "../live/rates";
import { announce } from "../state/announcements";
import { useWhyFixed } from "../state/declared";
import { useMayChange } from "../state/session";
import { useFirstPageAgain, usePages } from "../state/use-pages";
import { useResource } from "../state/use-resource";
import { Action } from "../ui/action";
import { StateBadge } from "../ui/badge";
import { Changes } from "../ui/changes";
import { Confirm } from "../ui/confirm";
import { Loaded } from "../ui/loaded";
import { endpoint, memberName, Name } from "../ui/name";
import { Remove } from "../ui/remove";
import { SearchForm } from "../ui/search";
import { Empty, Pager, Table } from "../ui/table";
import { Lanes } from "./lanes";

const PER_PAGE = 20;

/** The states that a backend server can be in, those first that people look for. */
const STATES = ["ERROR", "DRAINING", "OFFLINE", "ONLINE", "NO_MONITOR"] as const;

/** What is wanted of the list; empty: any. */
interface Wanted {
  search: string;
  operating_status: string;
}
const ANY: Wanted = { search: "", operating_status: "" };

type Doing = { what: "add" } | { what: "edit" | "drain" | "remove"; member: Member };

interface Props {
  can: Capabilities;
  pool: Pool;
  onChanged(): void;
  /** Somebody wants to see who is held by this one. */
  onShowSessions(member: Member): void;
}

/** The backend servers, a page of them at a time, and who is held by which of these. */
export function MembersSection({ can, pool, onChanged, onShowSessions }: Props) {
  const t = useText();
  const { number } = useFormat();
  const heading = useId();
  const mayChange = useMayChange();
  const why = useWhyFixed()(pool);
  const [wanted, setWanted] = useState(ANY);
  const isNarrowed = wanted.search !== "" || wanted.operating_status !== "";
  const list = `${pool.id} ${wanted.operating_status} ${wanted.search}`;
  const pages = usePages(list);
  const [doing, setDoing] = useState<Doing | null>(null);
  const members = useResource(
    `members ${list} ${pages.marker}`,
    (signal) => membersOf(pool.id).page(PER_PAGE, pages.marker, { ...wanted }, signal),
    { isConcerned: ({ kind }) => kind === "member", keeps: true },
  );
  useFirstPageAgain(pages, members.error);
  const samples = useTraffic();
  const share = shares(samples, pool.id);
  const layer = can.pool_protocols.find(({ name }) => name === pool.protocol)?.layer;
  const newPerS = t.chart.head[counted(layer === 7, pool.protocol)];
  const close = () => setDoing(null);
  const changed = () => {
    members.reload();
    onChanged();
  };

  return (
    <>
      <section class="card flush" aria-labelledby={heading}>
        <div class="card-header">
          <h2 id={heading}>
            {t.pool.members} <span class="count">{number(pool.members.length)}</span>
          </h2>
          {mayChange && (
            <Action
              icon="plus"
              label={t.member.add}
              look="primary"
              why={why}
              onClick={() => setDoing({ what: "add" })}
            />
          )}
        </div>
        {(isNarrowed || pool.members.length > 1) && <Filter wanted={wanted} onChange={setWanted} />}
        <Loaded resource={members}>
          {({ items, next }) =>
            items.length === 0 ? (
              <Empty
                title={isNarrowed ? t.member.nothingFound : t.member.empty}
                {...(!isNarrowed && { hint: t.member.emptyHint })}
              />
            ) : (
              <>
                <Table
                  caption={t.pool.members}
                  items={items}
                  keyOf={({ id }) => id}
                  columns={[
                    { label: t.field.name, isHeader: true, cell: (member) => <Name>{memberName(member)}</Name> },
                    {
                      label: t.field.address,
                      cell: (member) => <code>{endpoint(member.address, member.protocol_port)}</code>,
                    },
                    { label: t.field.weight, isNumeric: true, cell: (member) => member.weight },
                    {
                      label: t.member.health,
                      cell: (member) => (
                        <div class="health">
                          <StateBadge of="operating" state={member.operating_status} />
                          <span class="hint">
                            <Reason member={member} found={share.get(member.id)?.member.why_down} />
                          </span>
                        </div>
                      ),
                    },
                    {
                      label: t.member.sessions,
                      isNumeric: true,
                      cell: (member) => {
                        const held = share.get(member.id)?.member.sessions ?? null;
                        return held === null ? (
                          number(held)
                        ) : (
                          <button
                            type="button"
                            class="link"
                            title={t.sessions.ofMember(memberName(member))}
                            onClick={() => onShowSessions(member)}
                          >
                            {number(held)}
                            <span class="unseen">{` ${t.sessions.ofMember(memberName(member))}`}</span>
                          </button>
                        );
                      },
                    },
                    {
                      label: t.member.open,
                      isNumeric: true,
                      cell: ({ id }) => number(share.get(id)?.member.open ?? null),
                    },
                    {
                      label: newPerS,
                      isNumeric: true,
                      cell: ({ id }) => number(share.get(id)?.newPerS ?? null),
                    },
                    {
                      label: t.do.actions,
                      isActions: true,
                      cell: (member) => (
                        <Changes
                          look="icon-only"
                          why={why}
                          edit={{
                            name: t.member.edit(memberName(member)),
                            onClick: () => setDoing({ what: "edit", member }),
                          }}
                          remove={{
                            name: t.member.remove(memberName(member)),
                            onClick: () => setDoing({ what: "remove", member }),
                          }}
                        >
                          {member.weight > 0 && (
                            <Action
                              icon="drain"
                              label={t.member.drain(memberName(member))}
                              look="icon-only"
                              why={why}
                              onClick={() => setDoing({ what: "drain", member })}
                            />
                          )}
                        </Changes>
                      ),
                    },
                  ]}
                />
                <Pager pages={pages} next={next} label={t.pool.members} />
              </>
            )
          }
        </Loaded>
      </section>
      {members.data && members.data.items.length > 0 && (
        <Lanes members={members.data.items} count={pool.members.length} share={share} />
      )}
      {doing?.what === "add" && (
        <MemberDialog can={can} poolId={pool.id} member={null} onClose={close} onChanged={changed} />
      )}
      {doing?.what === "edit" && (
        <MemberDialog can={can} poolId={pool.id} member={doing.member} onClose={close} onChanged={changed} />
      )}
      {doing?.what === "drain" && <Drain poolId={pool.id} member={doing.member} onDrained={changed} onClose={close} />}
      {doing?.what === "remove" && (
        <Remove
          kind={membersOf(pool.id)}
          object={doing.member}
          action={t.member.remove(memberName(doing.member))}
          consequence={t.member.removeAsk}
          done={t.member.removed(memberName(doing.member))}
          onRemoved={changed}
          onClose={close}
        />
      )}
    </>
  );
}

/** Looks for backend servers by what they are called, where they are, and how they are. */
function Filter({ wanted, onChange }: { wanted: Wanted; onChange(wanted: Wanted): void }) {
  const t = useText();
  const id = useId();
  const state = wanted.operating_status;
  return (
    <div class="filters">
      <SearchForm
        label={t.member.search}
        value={wanted.search}
        onSearch={(search) => onChange({ ...wanted, search })}
      />
      <div class="inline-field">
        <label for={id}>{t.operating.label}</label>
        <select
          id={id}
          value={state}
          onChange={(event) => onChange({ ...wanted, operating_status: event.currentTarget.value })}
        >
          <option value="">{t.member.anyState}</option>
          {STATES.map((value) => (
            <option key={value} value={value} selected={value === state}>
              {t.operating[value]}
            </option>
          ))}
        </select>
      </div>
    </div>
  );
}

/** Why its state is what it is: what the health check has found, where it fails. */
function Reason({ member, found }: { member: Member; found: string | null | undefined }) {
  const t = useText().member;
  if (found) return <Said>{found}</Said>;
  const isUnused = member.operating_status === "OFFLINE" && member.admin_state_up;
  return <>{isUnused ? t.unused : word(t.reason, member.operating_status)}</>;
}

/** Lets the sessions of a backend server end. */
function Drain(props: { poolId: string; member: Member; onDrained(): void; onClose(): void }) {
  const t = useText().member;
  const name = memberName(props.member);
  const members = membersOf(props.poolId);
  const { base, reload } = useEdited(members, props.member, () => ({}));
  return (
    <Confirm
      action={t.drain(name)}
      consequence={t.drainAsk}
      isGentle
      confirm={async () => {
        await members.update(base ?? props.member, { weight: 0 });
        announce(t.drained(name));
        props.onDrained();
      }}
      onChanged={reload}
      onClose={props.onClose}
    />
  );
}
