import { useLanguage } from "./index";

const BYTES = ["B", "kB", "MB", "GB", "TB"];

/** The protocol as people know it: the API's word says how it is made. */
export function protocolName(protocol: string): string {
  return protocol === "TERMINATED_HTTPS" ? "HTTPS" : protocol;
}

export interface Format {
  number(value: number | null): string;
  bytes(value: number | null): string;
  percent(value: number | null): string;
  seconds(value: number | null): string;
  time(at: string | number | null): string;
}

const UNKNOWN = "–";

export function useFormat(): Format {
  const { tag } = useLanguage();
  const number = (value: number | null) =>
    value === null
      ? UNKNOWN
      : value.toLocaleString(tag, {
          maximumFractionDigits: value >= 100 || Number.isInteger(value) ? 0 : value >= 10 ? 1 : 2,
        });
  return {
    number,
    bytes(value) {
      if (value === null) return UNKNOWN;
      let unit = 0;
      for (; value >= 1000 && unit < BYTES.length - 1; unit++) value /= 1000;
      return `${number(unit === 0 ? Math.round(value) : value)} ${BYTES[unit]}`;
    },
    percent: (value) =>
      value === null
        ? UNKNOWN
        : value.toLocaleString(tag, { style: "percent", maximumFractionDigits: value < 0.1 ? 1 : 0 }),
    seconds(value) {
      if (value === null) return UNKNOWN;
      const [h, m, s] = [Math.floor(value / 3600), Math.floor(value / 60) % 60, Math.floor(value) % 60];
      const two = (n: number) => String(n).padStart(2, "0");
      return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
    },
    time(at) {
      if (at === null) return UNKNOWN;
      // The API's own times are in UTC without saying so.
      const moment = new Date(typeof at === "string" && !/Z|[+-]\d\d:?\d\d$/.test(at) ? `${at}Z` : at);
      return moment.toLocaleString(tag, { dateStyle: "medium", timeStyle: "medium" });
    },
  };
}
