import type { Capabilities, Pool } from "../api/types";
import type { Text } from "../i18n";
import { type Complaint, length } from "./check";
import {
  availability,
  checkPersistence,
  offers,
  persistenceBody,
  type PersistenceFields,
  persistenceFields,
} from "./persistence";

/** A backend server group as a form has it. */
export type PoolFields = PersistenceFields & { name: string; protocol: string; lb_algorithm: string };

export function poolFields(can: Capabilities, protocol: string, pool: Pool | null = null): PoolFields {
  return {
    name: pool?.name ?? "",
    protocol: pool?.protocol ?? protocol,
    lb_algorithm: pool?.lb_algorithm ?? can.default_lb_algorithm,
    ...persistenceFields(can, protocol, pool?.session_persistence ?? null),
  };
}

/** The offer that is chosen; none where persistence is off or there is none. */
function chosenOffer(can: Capabilities, fields: PoolFields, had: Pool | null) {
  if (availability(can, fields.protocol, fields.lb_algorithm) !== "offered") return undefined;
  const types = offers(can, fields.protocol, had?.session_persistence?.type);
  return types.find(({ type }) => type === fields["session_persistence.type"]);
}

export function checkPool(
  t: Text,
  can: Capabilities,
  fields: PoolFields,
  had: Pool | null = null,
): Record<string, Complaint> {
  return {
    name: length(t, fields.name, can.name.maximum_length),
    ...checkPersistence(t, fields, chosenOffer(can, fields, had), had?.session_persistence ?? null),
  };
}

/** What can be changed of it. */
export function poolBody(can: Capabilities, fields: PoolFields, had: Pool | null = null) {
  const isOffered = availability(can, fields.protocol, fields.lb_algorithm) !== "not-offered";
  const persistence = () => persistenceBody(fields, chosenOffer(can, fields, had), had?.session_persistence ?? null);
  return {
    name: fields.name.trim(),
    lb_algorithm: fields.lb_algorithm,
    // What cannot be shown is not touched: others may have set it for a protocol that is not offered here.
    ...(isOffered && { session_persistence: persistence() }),
  };
}
