import type { Capabilities, HealthMonitor } from "../api/types";
import type { Text } from "../i18n";
import { type Complaint, integer } from "./check";

/** A health check as a form has it. */
export type MonitorFields = {
  type: string;
  delay: string;
  timeout: string;
  max_retries: string;
  max_retries_down: string;
  http_method: string;
  url_path: string;
  expected_codes: string;
};

/** The methods of the API that make sense of a probe. */
export const METHODS = ["GET", "HEAD", "OPTIONS", "POST"];

export function monitorTypes(can: Capabilities, poolProtocol: string) {
  return can.health_monitor_types.filter(({ pool_protocols }) => pool_protocols.includes(poolProtocol));
}

/** What members that speak this protocol mostly understand. */
export function usualType(can: Capabilities, poolProtocol: string): string {
  return can.pool_protocols.find(({ name }) => name === poolProtocol)?.default_health_monitor_type ?? "";
}

export function isRequest(can: Capabilities, type: string): boolean {
  return can.health_monitor_types.find(({ name }) => name === type)?.request ?? false;
}

export function monitorFields(can: Capabilities, poolProtocol: string, monitor: HealthMonitor | null): MonitorFields {
  const retries = can.ranges.max_retries.default ?? 3;
  return {
    type: monitor?.type ?? usualType(can, poolProtocol),
    delay: String(monitor?.delay ?? 5),
    timeout: String(monitor?.timeout ?? 3),
    max_retries: String(monitor?.max_retries ?? retries),
    max_retries_down: String(monitor?.max_retries_down ?? retries),
    http_method: monitor?.http_method ?? "GET",
    url_path: monitor?.url_path ?? "/",
    expected_codes: monitor?.expected_codes ?? "200",
  };
}

const CODES = /^(\d{3}(\s*,\s*\d{3})*|\d{3}-\d{3})$/;

export function checkMonitor(t: Text, can: Capabilities, fields: MonitorFields): Record<string, Complaint> {
  const { timeout, max_retries } = can.ranges;
  // Some ways of asking take longer than others.
  const delay = can.health_monitor_types.find(({ name }) => name === fields.type)?.delay ?? can.ranges.delay;
  const beyond = Number(fields.timeout) > Number(fields.delay) ? t.health.timeoutBeyondDelay : null;
  const request = {
    url_path: /^\/(?!\/)\S*$/.test(fields.url_path) ? null : t.wrong.path,
    expected_codes: CODES.test(fields.expected_codes.trim()) ? null : t.wrong.codes,
  };
  return {
    delay: integer(t, fields.delay, delay),
    timeout: integer(t, fields.timeout, timeout) ?? beyond,
    max_retries: integer(t, fields.max_retries, max_retries),
    max_retries_down: integer(t, fields.max_retries_down, max_retries),
    ...(isRequest(can, fields.type) && request),
  };
}

/** What can be changed of it. */
export function monitorBody(can: Capabilities, fields: MonitorFields) {
  const request = {
    http_method: fields.http_method,
    url_path: fields.url_path.trim(),
    expected_codes: fields.expected_codes.trim(),
  };
  return {
    delay: Number(fields.delay),
    timeout: Number(fields.timeout),
    max_retries: Number(fields.max_retries),
    max_retries_down: Number(fields.max_retries_down),
    ...(isRequest(can, fields.type) && request),
  };
}

export function newMonitorBody(can: Capabilities, fields: MonitorFields) {
  return { ...monitorBody(can, fields), type: fields.type };
}
