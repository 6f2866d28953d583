import { useEffect, useId, useRef, useState } from "preact/hooks";

import type { Series } from "../api/types";
import { useText } from "../i18n";
import { useFormat } from "../i18n/format";

export interface Line {
  name: string;
  values: Series;
}

const known = (values: Series) => values.filter((value) => value !== null);

/** The runs of values that are known, each with where it begins. */
function runs(values: Series): { from: number; run: number[] }[] {
  const found: { from: number; run: number[] }[] = [];
  values.forEach((value, index) => {
    if (value === null) return;
    if (index > 0 && values[index - 1] !== null) found[found.length - 1]?.run.push(value);
    else found.push({ from: index, run: [value] });
  });
  return found;
}

type Scale = (value: number) => number;

/** A line through what is known, and, where it is the only one, the area below it. */
function Plot(props: { values: Series; x: Scale; y: Scale; look: string; hasArea: boolean }) {
  const { values, x, y } = props;
  const parts = runs(values).map(({ from, run }) => {
    const points = run.map((value, index) => `${x(from + index).toFixed(1)} ${y(value).toFixed(1)}`);
    const [begin, end] = [x(from), x(from + run.length - 1)].map((at) => at.toFixed(1));
    const line = `M${points.join("L")}${run.length === 1 ? "h0" : ""}`;
    return { line, area: `${line}L${end} ${y(0)}L${begin} ${y(0)}Z` };
  });
  return (
    <>
      {props.hasArea && <path class="area" d={parts.map(({ area }) => area).join("")} />}
      <path class={`line ${props.look}`} d={parts.map(({ line }) => line).join("")} />
    </>
  );
}

/** The least that is drawn, in samples: a chart of a minute would be all noise. */
const LEAST = 10;

/** How many of the latest samples are worth drawing: what was before anything was known is not. */
export function worthDrawing(all: Series[]): number {
  const length = Math.max(0, ...all.map((values) => values.length));
  const firsts = all.map((values) => values.findIndex((value) => value !== null)).filter((first) => first >= 0);
  return Math.min(length, Math.max(LEAST, length - Math.min(length, ...firsts)));
}

/** A number at or above the greatest that is good to read on an axis. */
function ceiling(greatest: number): number {
  if (greatest <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(greatest));
  return ([1, 2, 2.5, 5, 10].find((step) => step * power >= greatest) ?? 10) * power;
}

function useWidth() {
  const ref = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(0);
  useEffect(() => {
    if (!ref.current) return;
    const observer = new ResizeObserver(([entry]) => entry && setWidth(Math.round(entry.contentRect.width)));
    observer.observe(ref.current);
    return () => observer.disconnect();
  }, []);
  return { ref, width };
}

interface Props {
  title: string;
  lines: Line[];
  intervalS: number;
  format(value: number | null): string;
}

const HEIGHT = 132;
const EDGE = { top: 8, right: 8, bottom: 20, left: 52 };

export function Chart({ title, lines, intervalS, format }: Props) {
  const t = useText().chart;
  const ids = useId();
  const { ref, width } = useWidth();
  const [pointed, setPointed] = useState<number | null>(null);
  const all = lines.flatMap(({ values }) => known(values));
  const length = Math.max(...lines.map(({ values }) => values.length), 2);
  const top = ceiling(Math.max(0, ...all));
  const x = (index: number) => EDGE.left + (index * (width - EDGE.left - EDGE.right)) / (length - 1);
  const y = (value: number) => HEIGHT - EDGE.bottom - (value / top) * (HEIGHT - EDGE.top - EDGE.bottom);
  const minutes = Math.round((length * intervalS) / 60);
  const shownAt = (values: Series) => values[pointed ?? values.length - 1] ?? null;
  const description =
    all.length === 0
      ? t.nothing
      : lines
          .map(({ name, values }) => {
            const some = known(values);
            if (some.length === 0) return `${name}: ${t.nothing}`;
            const range = t.describe(
              format(Math.min(...some)),
              format(Math.max(...some)),
              format(some[some.length - 1] ?? null),
            );
            return lines.length > 1 ? `${name}: ${range}` : range;
          })
          .join(" ");

  const point = (event: PointerEvent) => {
    const box = (event.currentTarget as Element).getBoundingClientRect();
    const index = Math.round(
      ((event.clientX - box.left - EDGE.left) * (length - 1)) / (width - EDGE.left - EDGE.right),
    );
    setPointed(index >= 0 && index < length ? index : null);
  };

  return (
    <figure class="chart">
      <figcaption>
        <span>{title}</span>
        <span class="chart-values">
          {lines.map(({ name, values }, index) => (
            <span key={name}>
              {lines.length > 1 && (
                <svg class="key" viewBox="0 0 16 6" aria-hidden="true">
                  <path class={`line line-${index}`} d="M0 3H16" />
                </svg>
              )}
              {lines.length > 1 && `${name} `}
              <b>{format(shownAt(values))}</b>
            </span>
          ))}
          {pointed !== null && (
            <span class="hint">{t.minutesAgo(Math.round(((length - 1 - pointed) * intervalS) / 60))}</span>
          )}
        </span>
      </figcaption>
      <div ref={ref}>
        {width > 0 && (
          <svg
            width={width}
            height={HEIGHT}
            role="img"
            aria-labelledby={`${ids}-t ${ids}-d`}
            onPointerMove={point}
            onPointerLeave={() => setPointed(null)}
          >
            <title id={`${ids}-t`}>{`${title}, ${t.ofMinutes(minutes)}`}</title>
            <desc id={`${ids}-d`}>{description}</desc>
            {[0, top / 2, top].map((value) => (
              <g key={value}>
                <line class="grid" x1={EDGE.left} x2={width - EDGE.right} y1={y(value)} y2={y(value)} />
                <text x={EDGE.left - 6} y={y(value) + 4} text-anchor="end">
                  {format(value)}
                </text>
              </g>
            ))}
            <text x={EDGE.left} y={HEIGHT - 5}>
              {t.minutesAgo(minutes)}
            </text>
            <text x={width - EDGE.right} y={HEIGHT - 5} text-anchor="end">
              {t.now}
            </text>
            {lines.map(({ name, values }, index) => (
              <Plot key={name} values={values} x={x} y={y} look={`line-${index}`} hasArea={lines.length === 1} />
            ))}
            {pointed !== null && (
              <line class="pointer" x1={x(pointed)} x2={x(pointed)} y1={EDGE.top} y2={HEIGHT - EDGE.bottom} />
            )}
            {all.length === 0 && (
              <text class="nothing" x={(width + EDGE.left) / 2} y={HEIGHT / 2 - 6} text-anchor="middle">
                {t.nothing}
              </text>
            )}
          </svg>
        )}
      </div>
    </figure>
  );
}

const SPARK = { width: 120, height: 24 };

/** The last hour at a glance, and the latest value in words, with what it counts. */
export function Sparkline({ title, unit, values }: { title: string; unit: string; values: Series }) {
  const { number } = useFormat();
  const t = useText().chart;
  const some = known(values);
  if (some.length === 0) return <span class="hint">{number(null)}</span>;
  const top = Math.max(...some) || 1;
  const x = (index: number) => (index * SPARK.width) / Math.max(values.length - 1, 1);
  const y = (value: number) => SPARK.height - 2 - (value / top) * (SPARK.height - 4);
  const last = some[some.length - 1] ?? null;
  return (
    <span class="spark">
      <svg
        viewBox={`0 0 ${SPARK.width} ${SPARK.height}`}
        preserveAspectRatio="none"
        role="img"
        aria-label={`${title}: ${t.describe(number(Math.min(...some)), number(Math.max(...some)), number(last))}`}
      >
        <path class="grid" d={`M0 ${y(0)}H${SPARK.width}`} />
        <Plot values={values} x={x} y={y} look="line-0" hasArea />
      </svg>
      <span class="spark-value">
        {number(last)} {unit}
      </span>
    </span>
  );
}
