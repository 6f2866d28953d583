import { useId, useState } from "preact/hooks";

import type { Listener, LoadBalancer } from "../api/types";
import { useText } from "../i18n";
import { useFormat } from "../i18n/format";
import { useTraffic } from "../live/context";
import { listenerRate } from "../live/rates";
import { useBelow } from "../state/below";
import { Loaded } from "../ui/loaded";
import { listenerName, Name, nameOf } from "../ui/name";
import { Table } from "../ui/table";
import { Charts } from "./charts";

export function MonitoringTab({ loadBalancer }: { loadBalancer: LoadBalancer }) {
  const t = useText();
  const id = useId();
  const below = useBelow(loadBalancer);
  const [shown, setShown] = useState("");
  return (
    <Loaded resource={below}>
      {({ listeners, pools }) => {
        const isPool = pools.some((pool) => pool.id === shown);
        const isListener = listeners.some((listener) => listener.id === shown);
        const of = isPool
          ? { pool_id: shown }
          : isListener
            ? { listener_id: shown }
            : { loadbalancer_id: loadBalancer.id };
        return (
          <>
            {listeners.length > 0 && <Rates listeners={listeners} />}
            <section class="card" aria-labelledby={`${id}-h`}>
              <div class="card-header">
                <h2 id={`${id}-h`}>{t.lb.traffic}</h2>
                <div class="inline-field">
                  <label for={id}>{t.chart.of}</label>
                  <select id={id} value={shown} onChange={(event) => setShown(event.currentTarget.value)}>
                    <option value="">{t.chart.all}</option>
                    <optgroup label={t.lb.tabs.listeners}>
                      {listeners.map((listener) => (
                        <option key={listener.id} value={listener.id}>
                          {listenerName(listener)}
                        </option>
                      ))}
                    </optgroup>
                    <optgroup label={t.lb.tabs.pools}>
                      {pools.map((pool) => (
                        <option key={pool.id} value={pool.id}>
                          {nameOf(pool)}
                        </option>
                      ))}
                    </optgroup>
                  </select>
                </div>
              </div>
              <Charts of={of} />
            </section>
          </>
        );
      }}
    </Loaded>
  );
}

/** What each listener does now. */
function Rates({ listeners }: { listeners: Listener[] }) {
  const t = useText();
  const { number, bytes } = useFormat();
  const samples = useTraffic();
  const latest = samples[samples.length - 1]?.listeners;
  const counted = (label: string, counter: "connections" | "requests" | "errors") => ({
    label,
    isNumeric: true,
    cell: (listener: Listener) => number(listenerRate(samples, listener.id, counter)),
  });
  const transferred = (label: string, counter: "bytes_in" | "bytes_out") => ({
    label,
    isNumeric: true,
    cell: (listener: Listener) => {
      const perSecond = listenerRate(samples, listener.id, counter);
      return perSecond === null ? bytes(null) : `${bytes(perSecond)}/s`;
    },
  });
  return (
    <section class="card flush" aria-label={t.chart.rates}>
      <h2>{t.chart.rates}</h2>
      <Table
        caption={t.chart.rates}
        items={listeners}
        keyOf={({ id }) => id}
        columns={[
          { label: t.listener.step, isHeader: true, cell: (listener) => <Name>{listenerName(listener)}</Name> },
          counted(t.chart.head.connections, "connections"),
          {
            label: t.chart.openNow,
            isNumeric: true,
            cell: (listener) => number(latest?.find(({ id }) => id === listener.id)?.open ?? null),
          },
          counted(t.chart.head.requests, "requests"),
          counted(t.chart.head.errors, "errors"),
          transferred(t.chart.in, "bytes_in"),
          transferred(t.chart.out, "bytes_out"),
        ]}
      />
    </section>
  );
}
