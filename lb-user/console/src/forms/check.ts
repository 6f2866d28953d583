import type { Range } from "../api/types";
import type { Text } from "../i18n";

/** Complaints about what has been typed; null: it is fine. The daemon has the last word: this only saves a way. */

export type Complaint = string | null;

export function required(t: Text, value: string): Complaint {
  return value.trim() === "" ? t.wrong.required : null;
}

export function integer(t: Text, value: string, { minimum, maximum }: Range): Complaint {
  const isWhole = /^\d+$/.test(value.trim());
  return isWhole && Number(value) >= minimum && Number(value) <= maximum ? null : t.wrong.range(minimum, maximum);
}

export function length(t: Text, value: string, most: number): Complaint {
  return value.length > most ? t.wrong.tooLong(most) : null;
}

const V4 = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/;

function isV4(value: string): boolean {
  return V4.exec(value)?.slice(1).every((part) => Number(part) <= 255) ?? false;
}

/** As the addresses of URLs are read, which is what RFC 4291 says. */
function isV6(value: string): boolean {
  return /^[0-9a-f:.]+$/i.test(value) && value.includes(":") && URL.canParse(`http://[${value}]/`);
}

export function address(t: Text, value: string): Complaint {
  const given = value.trim();
  return isV4(given) || isV6(given) ? null : t.wrong.address;
}

/** An address, or a network of them such as 192.0.2.0/24. */
export function addressOrNetwork(t: Text, value: string): Complaint {
  const [given = "", prefix = "0", ...further] = value.split("/");
  const isLength = /^\d{1,3}$/.test(prefix) && Number(prefix) <= (isV4(given) ? 32 : 128);
  return address(t, given) === null && isLength && further.length === 0 ? null : t.wrong.addressOrNetwork;
}

/** What stands for a cookie where its value is not to be seen. */
export function sessionId(t: Text, value: string): Complaint {
  return /^[0-9a-f]{16}$/i.test(value) ? null : t.wrong.sessionId;
}

export function cookieName(t: Text, value: string): Complaint {
  return required(t, value) ?? (/[\s,;\\]/.test(value) ? t.wrong.cookieName : null);
}

/** Only what has been complained of, of the fields below a prefix. */
export function complaints(all: Record<string, Complaint>, prefix = ""): Record<string, string> {
  const some = Object.entries(all).filter((entry): entry is [string, string] => entry[1] !== null);
  return Object.fromEntries(some.map(([name, complaint]) => [prefix + name, complaint]));
}
