import { useState } from "preact/hooks";

import { healthMonitors, pools, type UndoneBy } from "../api/objects";
import type { Capabilities, Pool } from "../api/types";
import { useText, word } from "../i18n";
import { protocolName } from "../i18n/format";
import { usePersistenceSummary } from "../i18n/persistence";
import { complaints } from "./check";
import { SwitchField } from "./form";
import { checkMonitor, monitorDraft, monitorTypes, newMonitorBody } from "./monitor";
import { MonitorFields } from "./monitor-fields";
import { forProtocol } from "./persistence";
import { checkPool, newPoolBody, type PoolDraft, poolBody, poolDraft } from "./pool";
import { PoolFields } from "./pool-fields";
import { asPart } from "./use-form";

/** In a form that makes something else too, the names of its fields are those of the pool behind this. */
const MONITOR = "monitor.";

/** A backend server group that is being made, and its health check, wherever a wizard makes one. */
export function useNewPool(can: Capabilities, firstProtocol: string, prefix: string) {
  const t = useText();
  const persistence = usePersistenceSummary();
  const [pool, setPool] = useState(() => poolDraft(can, firstProtocol));
  const [isChecked, setChecked] = useState(false);
  const [monitor, setMonitor] = useState(() => monitorDraft(can, firstProtocol, null));

  const change = (next: PoolDraft) => {
    setPool(next);
    const types = monitorTypes(can, next.protocol);
    if (!types.some(({ name }) => name === monitor.type)) setMonitor(monitorDraft(can, next.protocol, null));
  };

  return {
    /** It becomes one of these protocols, and stays what it is where it can. */
    fitTo(protocols: string[]) {
      const [first = ""] = protocols;
      if (protocols.includes(pool.protocol)) return;
      change({ ...pool, protocol: first, persistence: forProtocol(can, first, pool.persistence) });
    },
    poolFields: (protocols: string[]) => (
      <PoolFields can={can} draft={pool} protocols={protocols} prefix={prefix} onChange={change} />
    ),
    monitorFields: (
      <>
        <SwitchField name="monitor" label={t.health.enable} isOn={isChecked} onChange={setChecked} />
        {isChecked && (
          <MonitorFields
            can={can}
            poolProtocol={pool.protocol}
            prefix={MONITOR}
            draft={monitor}
            onChange={setMonitor}
          />
        )}
      </>
    ),
    validatePool: () => complaints(checkPool(t, can, pool, prefix)),
    validateMonitor: () => (isChecked ? complaints(checkMonitor(t, can, monitor, MONITOR)) : {}),
    review: [
      [t.listener.defaultPool, pool.name || t.unnamed],
      [t.pool.protocol, protocolName(pool.protocol)],
      [t.field.algorithm, word(t.algorithm, pool.algorithm)],
      [t.persistence.title, persistence(poolBody(can, pool).session_persistence ?? null)],
      [
        t.health.title,
        isChecked ? t.health.summary(monitor.type, Number(monitor.delay), Number(monitor.timeout)) : t.none,
      ],
    ] as [string, string][],
    async create(loadBalancerId: string, undoneBy: UndoneBy): Promise<Pool> {
      const made = await asPart(prefix, pools.create(newPoolBody(can, pool, loadBalancerId)));
      undoneBy(() => pools.remove({ id: made.id }));
      if (isChecked) await asPart(MONITOR, healthMonitors.create(newMonitorBody(can, monitor, made.id)));
      return made;
    },
  };
}
