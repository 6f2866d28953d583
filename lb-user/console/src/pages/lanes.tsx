import { useId } from "preact/hooks";

import type { Member } from "../api/types";
import { useText } from "../i18n";
import { useFormat } from "../i18n/format";
import type { Share } from "../live/rates";
import { memberName, Name } from "../ui/name";

interface Props {
  /** Those of the page that is shown. */
  members: Member[];
  /** How many there are in all. */
  count: number;
  share: Map<string, Share>;
}

/** Where every share is smaller, all bars would look like none. */
const SMALL = 0.1;

interface Lane {
  key: string;
  name: string;
  sessions: number | null;
  fresh: number | null;
  /** The share that fills its bars; null: it has none, being out of all proportion. */
  full: number | null;
}

/** All of them together; null where none is known. */
function sum(parts: (number | null)[]): number | null {
  const known = parts.filter((part) => part !== null);
  return known.length === 0 ? null : known.reduce((total, part) => total + part, 0);
}

/** Who is held where: a lane for each backend server, and one for all those of other pages. */
export function Lanes({ members, count, share }: Props) {
  const t = useText();
  const heading = useId();
  // Of some nobody knows how many there are: their clients carry them.
  const hasSessions = [...share.values()].some(({ member }) => member.sessions !== null);
  const parts = members.flatMap(({ id }) => [share.get(id)?.ofSessions ?? 0, share.get(id)?.ofNew ?? 0]);
  const greatest = Math.max(0, ...parts);
  const full = greatest > 0 && greatest < SMALL ? greatest : 1;
  const lanes: Lane[] = members.map((member) => ({
    key: member.id,
    name: memberName(member),
    sessions: share.get(member.id)?.ofSessions ?? null,
    fresh: share.get(member.id)?.ofNew ?? null,
    full,
  }));
  const others = count - members.length;
  if (others > 0) {
    const ids = new Set(members.map(({ id }) => id));
    const rest = [...share.values()].filter(({ member }) => !ids.has(member.id));
    lanes.push({
      key: "others",
      name: t.lanes.others(others),
      sessions: sum(rest.map(({ ofSessions }) => ofSessions)),
      fresh: sum(rest.map(({ ofNew }) => ofNew)),
      full: full < 1 ? null : full,
    });
  }
  return (
    <section class="card" aria-labelledby={heading}>
      <div class="card-header">
        <h2 id={heading}>{t.lanes.title}</h2>
        <p class="legend">
          {hasSessions && (
            <span>
              <i class="swatch held" />
              {t.lanes.sessions}
            </span>
          )}
          <span>
            <i class="swatch fresh" />
            {t.lanes.fresh}
          </span>
        </p>
      </div>
      {share.size === 0 ? (
        <p class="hint">{t.lanes.waiting}</p>
      ) : (
        <>
          {full < 1 && <p class="hint">{t.lanes.scaled}</p>}
          <ul class="lanes" aria-label={t.lanes.describe}>
            {lanes.map((lane) => (
              <li key={lane.key}>
                <span class="lane-name">
                  <Name>{lane.name}</Name>
                </span>
                <span class="lane-bars">
                  {hasSessions && <Bar of={t.lanes.sessions} kind="held" part={lane.sessions} full={lane.full} />}
                  <Bar of={t.lanes.fresh} kind="fresh" part={lane.fresh} full={lane.full} />
                </span>
              </li>
            ))}
          </ul>
        </>
      )}
    </section>
  );
}

interface BarProps {
  of: string;
  kind: "held" | "fresh";
  part: number | null;
  full: Lane["full"];
}

function Bar({ of, kind, part, full }: BarProps) {
  const t = useText().lanes;
  const { percent } = useFormat();
  return (
    <span class={`bar ${kind}`}>
      <span class="unseen">{`${of}: `}</span>
      <span class="bar-track" aria-hidden="true">
        {full !== null && (
          <span class="bar-fill" style={{ width: `${Math.min(1, (part ?? 0) / full) * 100}%` }} />
        )}
      </span>
      <span class="bar-value">
        {part === null ? (
          <>
            <span aria-hidden="true">–</span>
            <span class="unseen">{t.unknown}</span>
          </>
        ) : (
          percent(part)
        )}
      </span>
    </span>
  );
}
