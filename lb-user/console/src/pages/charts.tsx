import { history } from "../api/objects";
import type { Series } from "../api/types";
import { type Text, useText } from "../i18n";
import { type Format, useFormat } from "../i18n/format";
import { useEvery, useResource } from "../state/use-resource";
import { Chart, worthDrawing } from "../ui/chart";
import { Loaded } from "../ui/loaded";
import { Empty } from "../ui/table";

const EVERY_MS = 30_000;

interface Drawn {
  title: keyof Text["chart"] & string;
  series: { key: string; name?: keyof Text["chart"] }[];
  format: keyof Pick<Format, "number" | "bytes">;
}

/** What can be drawn of the last hour. */
const CHARTS: Drawn[] = [
  { title: "connections", series: [{ key: "connections_per_s" }], format: "number" },
  { title: "requests", series: [{ key: "requests_per_s" }], format: "number" },
  { title: "errors", series: [{ key: "errors_per_s" }], format: "number" },
  { title: "open", series: [{ key: "open" }], format: "number" },
  {
    title: "bytes",
    series: [
      { key: "bytes_in_per_s", name: "bytesIn" },
      { key: "bytes_out_per_s", name: "bytesOut" },
    ],
    format: "bytes",
  },
  { title: "created", series: [{ key: "created_per_s" }], format: "number" },
  { title: "held", series: [{ key: "held_per_s" }], format: "number" },
  { title: "moved", series: [{ key: "moved_per_s" }], format: "number" },
];

type Subject = { loadbalancer_id: string } | { listener_id: string } | { pool_id: string };

/** Charts of the last hour of one object: all that is counted of it, or only some. */
export function Charts({ of, only }: { of: Subject; only?: string[] }) {
  const t = useText().chart;
  const format = useFormat();
  const asked = Object.fromEntries(Object.entries(of).map(([kind, id]) => [kind, [String(id)]]));
  const past = useResource(`history ${JSON.stringify(of)}`, (signal) => history(asked, signal));
  useEvery(EVERY_MS, past.reload);
  return (
    <Loaded resource={past}>
      {({ objects: [object], interval_s }) => {
        const series: Record<string, Series> = object?.series ?? {};
        const drawn = CHARTS.filter(
          (chart) => (!only || only.includes(chart.title)) && chart.series.some(({ key }) => series[key] !== undefined),
        );
        if (drawn.length === 0) return <Empty title={t.nothing} hint={t.nothingHint} />;
        const shown = worthDrawing(drawn.flatMap((chart) => chart.series.map(({ key }) => series[key] ?? [])));
        return (
          <div class="charts">
            {drawn.map((chart) => (
              <Chart
                key={chart.title}
                title={String(t[chart.title])}
                intervalS={interval_s}
                format={format[chart.format]}
                lines={chart.series.map(({ key, name }) => ({
                  name: name ? String(t[name]) : key,
                  values: series[key]?.slice(-shown) ?? [],
                }))}
              />
            ))}
          </div>
        );
      }}
    </Loaded>
  );
}
