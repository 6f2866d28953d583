import { useText } from "../i18n";

/** What serves, what takes no new clients, what fails, and what is off. */
const KINDS = ["good", "warn", "bad", "idle"] as const;
const KIND: Record<string, (typeof KINDS)[number]> = {
  ONLINE: "good",
  NO_MONITOR: "good",
  DEGRADED: "good",
  DRAINING: "warn",
  ERROR: "bad",
};

/** How many backend servers are up: at a glance, and in words. */
export function Tally({ states }: { states: string[] }) {
  const t = useText().member;
  const counted = KINDS.map((kind) => ({
    kind,
    count: states.filter((state) => (KIND[state] ?? "idle") === kind).length,
  }));
  return (
    <span class="tally">
      <span class="tally-bar" aria-hidden="true">
        {counted.map(
          ({ kind, count }) => count > 0 && <i key={kind} class={kind} style={{ flexGrow: String(count) }} />,
        )}
      </span>
      {states.length > 0 ? t.up(counted[0]?.count ?? 0, states.length) : t.noneYet}
    </span>
  );
}
