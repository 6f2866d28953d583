import type { Capabilities, PersistenceOffer, Range, SessionPersistence } from "../api/types";
import type { Text } from "../i18n";
import { type Complaint, cookieName, integer } from "./check";

/** Session persistence as a form has it: durations in minutes, as people count them. */
export type PersistenceFields = {
  session_persistence: boolean;
  "session_persistence.type": string;
  "session_persistence.cookie_name": string;
  "session_persistence.persistence_timeout": string;
  /** Empty: however long they go on coming. */
  "session_persistence.absolute_timeout": string;
};

const TYPE = "session_persistence.type";
const COOKIE = "session_persistence.cookie_name";
const DURATION = "session_persistence.persistence_timeout";
const LIFETIME = "session_persistence.absolute_timeout";

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

/** How long clients are held that stay away, in seconds. */
export function durationOf({ persistence_timeout }: SessionPersistence): number {
  return persistence_timeout ?? USUAL_S;
}

/** As people count it: whole minutes, and the seconds beyond them. */
export function inParts(durationS: number): { minutes: number; seconds: number } {
  return { minutes: Math.floor(durationS / MINUTE_S), seconds: durationS % MINUTE_S };
}

/** The same as a form shows it. Others than people at forms may have set seconds that make no whole minutes. */
function written(durationS: number | null): string {
  if (durationS === null) return "";
  const { minutes, seconds } = inParts(durationS);
  return seconds === 0 ? String(minutes) : `${minutes} min ${seconds} s`;
}

/** What is written in a form, in seconds. What is there as it was stays what it was, which may be more than can be chosen. */
function read(typed: string, hadS: number | null): { isKept: boolean; seconds: number | null } {
  if (hadS !== null && typed === written(hadS)) return { isKept: true, seconds: hadS };
  return { isKept: false, seconds: typed.trim() === "" ? null : Number(typed) * MINUTE_S };
}

function readTimes(fields: PersistenceFields, had: SessionPersistence | null) {
  return {
    duration: read(fields[DURATION], had && durationOf(had)),
    lifetime: read(fields[LIFETIME], had && had.absolute_timeout),
  };
}

/** How long sessions may last at all, in minutes, where clients that stay away are held for so long. */
export function lifetimes(offer: PersistenceOffer, durationS = 0): Range {
  const { minimum, maximum } = offer.absolute_timeout;
  return inMinutes({ minimum: Math.max(minimum, durationS), maximum });
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
    [DURATION]: has ? written(durationOf(has)) : String(usual),
    [LIFETIME]: written(has && has.absolute_timeout),
  };
}

/** The same for another protocol: the type, where that one does not offer it, becomes the first that it offers. */
export function forProtocol(can: Capabilities, protocol: string, fields: PersistenceFields): PersistenceFields {
  const isOffered = offers(can, protocol).some(({ type }) => type === fields[TYPE]);
  const { session_persistence, [LIFETIME]: lifetime } = fields;
  return isOffered ? fields : { ...persistenceFields(can, protocol, null), session_persistence, [LIFETIME]: lifetime };
}

export function checkPersistence(
  t: Text,
  fields: PersistenceFields,
  offer: PersistenceOffer | undefined,
  had: SessionPersistence | null,
): Record<string, Complaint> {
  if (!fields.session_persistence || !offer) return {};
  const { duration, lifetime } = readTimes(fields, had);
  const wrongDuration = duration.isKept ? null : integer(t, fields[DURATION], inMinutes(offer.persistence_timeout));
  // What fits beside a duration that is wrong is known once that is right.
  const shortestS = wrongDuration === null ? (duration.seconds ?? 0) : 0;
  const isFine = lifetime.seconds === null || (lifetime.isKept && lifetime.seconds >= shortestS);
  return {
    [DURATION]: wrongDuration,
    [LIFETIME]: isFine ? null : integer(t, fields[LIFETIME], lifetimes(offer, shortestS)),
    [COOKIE]: offer.cookie_name ? cookieName(t, fields[COOKIE]) : null,
  };
}

/** What the API is told. What was set by other means stays: times until others are typed, the granularity as long as the type. */
export function persistenceBody(
  fields: PersistenceFields,
  offer: PersistenceOffer | undefined,
  had: SessionPersistence | null,
): SessionPersistence | null {
  if (!fields.session_persistence || !offer) return null;
  const { duration, lifetime } = readTimes(fields, had);
  return {
    type: offer.type,
    cookie_name: offer.cookie_name ? fields[COOKIE] : null,
    persistence_timeout: duration.isKept && had ? had.persistence_timeout : duration.seconds,
    persistence_granularity: had?.type === offer.type ? had.persistence_granularity : null,
    absolute_timeout: lifetime.seconds,
  };
}
