import type { Capabilities, PersistenceOffer, Range, SessionPersistence } from "../api/types";
import type { Text } from "../i18n";
import { type Complaint, cookieName, integer } from "./check";

/** Session persistence as a form has it: durations in minutes, as people count them. */
export interface PersistenceDraft {
  isOn: boolean;
  type: string;
  minutes: string;
  cookieName: string;
}

const MINUTE_S = 60;

/** Whether persistence can be chosen, and if not, why. */
export type Availability = "offered" | "source-ip" | "not-offered";

export function availability(can: Capabilities, protocol: string, algorithm: string): Availability {
  if (can.lb_algorithms.find(({ name }) => name === algorithm)?.session_persistence === false) return "source-ip";
  return offers(can, protocol).length > 0 ? "offered" : "not-offered";
}

/** What there is to choose from; what a pool has by other means stays to be seen, and is `isForeign`. */
export function offers(
  can: Capabilities,
  protocol: string,
  has?: string,
): (PersistenceOffer & { isForeign: boolean })[] {
  const offered = can.pool_protocols.find(({ name }) => name === protocol)?.session_persistence ?? [];
  const usual = offered.map((offer) => ({ ...offer, isForeign: false }));
  const [first] = offered;
  if (!has || !first || offered.some(({ type }) => type === has)) return usual;
  // The durations are those of the layer, whatever the type.
  return [...usual, { ...first, type: has, cookie_name: has === "APP_COOKIE", isForeign: true }];
}

export function inMinutes(seconds: Range): Range & { default: number } {
  return {
    minimum: Math.ceil(seconds.minimum / MINUTE_S),
    maximum: Math.floor(seconds.maximum / MINUTE_S),
    default: Math.round((seconds.default ?? seconds.minimum) / MINUTE_S),
  };
}

export function minutesOf(persistence: SessionPersistence): number | null {
  return persistence.persistence_timeout === null ? null : persistence.persistence_timeout / MINUTE_S;
}

/** What a form begins with, for a pool of this protocol. */
export function persistenceDraft(
  can: Capabilities,
  protocol: string,
  has: SessionPersistence | null,
): PersistenceDraft {
  const [first] = offers(can, protocol);
  const usual = first ? inMinutes(first.persistence_timeout).default : 20;
  return {
    isOn: has !== null,
    type: has?.type ?? first?.type ?? "",
    minutes: String((has && minutesOf(has)) ?? usual),
    cookieName: has?.cookie_name ?? "",
  };
}

/** A draft for another protocol: its type, where that one does not offer it, becomes the first that it offers. */
export function forProtocol(can: Capabilities, protocol: string, draft: PersistenceDraft): PersistenceDraft {
  const isOffered = offers(can, protocol).some(({ type }) => type === draft.type);
  return isOffered ? draft : { ...persistenceDraft(can, protocol, null), isOn: draft.isOn };
}

export function checkPersistence(
  t: Text,
  draft: PersistenceDraft,
  offer: PersistenceOffer | undefined,
  had: SessionPersistence | null,
  prefix: string,
): Record<string, Complaint> {
  if (!draft.isOn || !offer) return {};
  // Others may have set seconds that make no whole minutes: these may stay.
  const isTheirs = had !== null && draft.minutes === String(minutesOf(had)) && draft.type === had.type;
  return {
    [`${prefix}persistence_timeout`]: isTheirs ? null : integer(t, draft.minutes, inMinutes(offer.persistence_timeout)),
    [`${prefix}cookie_name`]: offer.cookie_name ? cookieName(t, draft.cookieName) : null,
  };
}

/** What the API is told. A granularity that was set by other means stays for as long as the type does. */
export function persistenceBody(
  draft: PersistenceDraft,
  offer: PersistenceOffer | undefined,
  had: SessionPersistence | null,
): SessionPersistence | null {
  if (!draft.isOn || !offer) return null;
  return {
    type: offer.type,
    cookie_name: offer.cookie_name ? draft.cookieName : null,
    persistence_timeout: Math.round(Number(draft.minutes) * MINUTE_S),
    persistence_granularity: had?.type === offer.type ? had.persistence_granularity : null,
  };
}
