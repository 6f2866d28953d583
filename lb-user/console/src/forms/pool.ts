import type { Capabilities, Pool } from "../api/types";
import type { Text } from "../i18n";
import { type Complaint, length } from "./check";
import {
  availability,
  checkPersistence,
  offers,
  type PersistenceDraft,
  persistenceBody,
  persistenceDraft,
} from "./persistence";

/** A backend server group as a form has it. */
export interface PoolDraft {
  name: string;
  protocol: string;
  algorithm: string;
  persistence: PersistenceDraft;
}

export function poolDraft(can: Capabilities, protocol: string, pool: Pool | null = null): PoolDraft {
  return {
    name: pool?.name ?? "",
    protocol: pool?.protocol ?? protocol,
    algorithm: pool?.lb_algorithm ?? can.lb_algorithms[0]?.name ?? "",
    persistence: persistenceDraft(can, protocol, pool?.session_persistence ?? null),
  };
}

/** The offer that is chosen; none where persistence is off or there is none. */
function chosenOffer(can: Capabilities, draft: PoolDraft, had: Pool | null) {
  if (availability(can, draft.protocol, draft.algorithm) !== "offered") return undefined;
  const types = offers(can, draft.protocol, had?.session_persistence?.type);
  return types.find(({ type }) => type === draft.persistence.type);
}

export function checkPool(
  t: Text,
  can: Capabilities,
  draft: PoolDraft,
  prefix = "",
  had: Pool | null = null,
): Record<string, Complaint> {
  return {
    [`${prefix}name`]: length(t, draft.name, can.name.maximum_length),
    ...checkPersistence(t, draft.persistence, chosenOffer(can, draft, had), had?.session_persistence ?? null, prefix),
  };
}

/** What can be changed of it. */
export function poolBody(can: Capabilities, draft: PoolDraft, had: Pool | null = null) {
  const isOffered = availability(can, draft.protocol, draft.algorithm) !== "not-offered";
  return {
    name: draft.name.trim(),
    lb_algorithm: draft.algorithm,
    // What cannot be shown is not touched: others may have set it for a protocol that is not offered here.
    ...(isOffered && {
      session_persistence: persistenceBody(
        draft.persistence,
        chosenOffer(can, draft, had),
        had?.session_persistence ?? null,
      ),
    }),
  };
}

export function newPoolBody(can: Capabilities, draft: PoolDraft, loadBalancerId: string) {
  return { ...poolBody(can, draft), protocol: draft.protocol, loadbalancer_id: loadBalancerId };
}
