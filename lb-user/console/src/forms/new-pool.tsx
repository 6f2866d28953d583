import { useState } from "preact/hooks";

import type { Capabilities } from "../api/types";
import { useText, word } from "../i18n";
import { protocolName } from "../i18n/format";
import { usePersistenceSummary } from "../i18n/persistence";
import { complaints } from "./check";
import { useDraft } from "./draft";
import { SwitchField } from "./form";
import { checkMonitor, monitorFields, monitorTypes, newMonitorBody, usualType } from "./monitor";
import { MonitorFields } from "./monitor-fields";
import { useNewMembers } from "./new-members";
import { forProtocol } from "./persistence";
import { checkPool, poolBody, poolFields } from "./pool";
import { PoolFields } from "./pool-fields";

/** What its health check is called in a backend server group that is being made. */
const MONITOR = "healthmonitor";

/** A backend server group that is being made, with what is below it, by itself or as the part of that name of something else. */
export function useNewPool(can: Capabilities, firstProtocol: string, part: "" | "default_pool" = "") {
  const t = useText();
  const persistence = usePersistenceSummary();
  const prefix = part && `${part}.`;
  const pool = useDraft(() => poolFields(can, firstProtocol), prefix);
  const monitor = useDraft(() => monitorFields(can, firstProtocol, null), `${prefix}${MONITOR}.`);
  const members = useNewMembers(can, prefix);
  const [isChecked, setChecked] = useState(false);
  const { name, protocol, lb_algorithm } = pool.fields;
  const { type, delay, timeout } = monitor.fields;

  const set = (change: Partial<typeof pool.fields>) => {
    pool.set(change);
    // The health of some protocols is checked otherwise, and what nobody has chosen follows the protocol.
    const next = change.protocol ?? protocol;
    const isChosen = type !== usualType(can, protocol) && monitorTypes(can, next).some((one) => one.name === type);
    if (next !== protocol && !isChosen) monitor.set({ ...monitor.fields, type: usualType(can, next) });
  };

  return {
    /** It becomes one of these protocols, and stays what it is where it can. */
    fitTo(protocols: string[]) {
      const [first = ""] = protocols;
      if (!protocols.includes(protocol)) set({ ...forProtocol(can, first, pool.fields), protocol: first });
    },
    poolFields: (protocols: string[]) => (
      <PoolFields can={can} draft={{ ...pool, set }} protocols={protocols} isPart={part !== ""} />
    ),
    /** Its backend servers, and how their health is checked. */
    serverFields: (
      <>
        {members.fields}
        <SwitchField name={prefix + MONITOR} label={t.health.enable} value={isChecked} onChange={setChecked} />
        {isChecked && <MonitorFields can={can} poolProtocol={protocol} draft={monitor} />}
      </>
    ),
    validatePool: () => complaints(checkPool(t, can, pool.fields), prefix),
    validateServers: () => ({
      ...members.validate(),
      ...(isChecked && complaints(checkMonitor(t, can, monitor.fields), `${prefix}${MONITOR}.`)),
    }),
    review: [
      [t.listener.defaultPool, name || t.unnamed],
      [t.pool.protocol, protocolName(protocol)],
      [t.field.algorithm, word(t.algorithm, lb_algorithm)],
      [t.persistence.title, persistence(poolBody(can, pool.fields).session_persistence ?? null)],
      [t.pool.members, members.review],
      [t.health.title, isChecked ? t.health.summary(type, Number(delay), Number(timeout)) : t.none],
    ] as [string, string][],
    body: () => ({
      ...poolBody(can, pool.fields),
      protocol,
      members: members.body(),
      ...(isChecked && { [MONITOR]: newMonitorBody(can, monitor.fields) }),
    }),
  };
}
