import type { Capabilities, PersistenceOffer, Range, SessionPersistence } from "../api/types";
import type { Text } from "../i18n";
import { type Complaint, cookieName, integer } from "./check";

/** Session persistence as a form has it: durations in minutes, as people count them. */
export type PersistenceFields = {
  session_persistence: boolean;
  "session_persistence.type": string;
  "session_persistence.cookie_name": string;
  "session_persistence.persistence_timeout": string;
};

const TYPE = "session_persistence.type";
const COOKIE = "session_persistence.cookie_name";
const DURATION = "session_persistence.persistence_timeout";

const MINUTE_S = 60;
/** How long clients are held where nobody has said it: then the API says nothing of it either. */
const USUAL_S = 20 * MINUTE_S;

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

/** How long clients are held: whole minutes, and the seconds beyond them. */
export function durationOf({ persistence_timeout }: SessionPersistence): { minutes: number; seconds: number } {
  const all = persistence_timeout ?? USUAL_S;
  return { minutes: Math.floor(all / MINUTE_S), seconds: all % MINUTE_S };
}

/** The same as a form shows it. Others than people at forms may have set seconds that make no whole minutes. */
function written(persistence: SessionPersistence): string {
  const { minutes, seconds } = durationOf(persistence);
  return seconds === 0 ? String(minutes) : `${minutes} min ${seconds} s`;
}

/** Whether the duration of a form is what it was, which may be more than can be chosen there. */
function isKept(fields: PersistenceFields, had: SessionPersistence | null): had is SessionPersistence {
  return had !== null && fields[DURATION] === written(had);
}

/** What a form begins with, for a pool of this protocol. */
export function persistenceFields(
  can: Capabilities,
  protocol: string,
  has: SessionPersistence | null,
): PersistenceFields {
  const [first] = offers(can, protocol);
  const usual = first ? inMinutes(first.persistence_timeout).default : USUAL_S / MINUTE_S;
  return {
    session_persistence: has !== null,
    [TYPE]: has?.type ?? first?.type ?? "",
    [COOKIE]: has?.cookie_name ?? "",
    [DURATION]: has ? written(has) : String(usual),
  };
}

/** The same for another protocol: the type, where that one does not offer it, becomes the first that it offers. */
export function forProtocol(can: Capabilities, protocol: string, fields: PersistenceFields): PersistenceFields {
  const isOffered = offers(can, protocol).some(({ type }) => type === fields[TYPE]);
  const { session_persistence } = fields;
  return isOffered ? fields : { ...persistenceFields(can, protocol, null), session_persistence };
}

export function checkPersistence(
  t: Text,
  fields: PersistenceFields,
  offer: PersistenceOffer | undefined,
  had: SessionPersistence | null,
): Record<string, Complaint> {
  if (!fields.session_persistence || !offer) return {};
  const range = inMinutes(offer.persistence_timeout);
  return {
    [DURATION]: isKept(fields, had) ? null : integer(t, fields[DURATION], range),
    [COOKIE]: offer.cookie_name ? cookieName(t, fields[COOKIE]) : null,
  };
}

/** What the API is told. What was set by other means stays: the duration until another is typed, the granularity
 * as long as the type, the longest that a session may last at all. */
export function persistenceBody(
  fields: PersistenceFields,
  offer: PersistenceOffer | undefined,
  had: SessionPersistence | null,
): SessionPersistence | null {
  if (!fields.session_persistence || !offer) return null;
  return {
    type: offer.type,
    cookie_name: offer.cookie_name ? fields[COOKIE] : null,
    persistence_timeout: isKept(fields, had) ? had.persistence_timeout : Number(fields[DURATION]) * MINUTE_S,
    persistence_granularity: had?.type === offer.type ? had.persistence_granularity : null,
    absolute_timeout: had?.absolute_timeout ?? null,
  };
}
