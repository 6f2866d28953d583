import type { Capabilities, HealthMonitor } from "../api/types";
import type { Text } from "../i18n";
import { type Complaint, integer } from "./check";

/** A health check as a form has it. */
export interface MonitorDraft {
  type: string;
  delay: string;
  timeout: string;
  maxRetries: string;
  maxRetriesDown: string;
  method: string;
  path: string;
  codes: string;
}

/** The methods of the API that make sense of a probe. */
export const METHODS = ["GET", "HEAD", "OPTIONS", "POST"];

export function monitorTypes(can: Capabilities, poolProtocol: string) {
  return can.health_monitor_types.filter(({ pool_protocols }) => pool_protocols.includes(poolProtocol));
}

function isRequest(can: Capabilities, type: string): boolean {
  return can.health_monitor_types.find(({ name }) => name === type)?.request ?? false;
}

export function monitorDraft(can: Capabilities, poolProtocol: string, monitor: HealthMonitor | null): MonitorDraft {
  const retries = can.ranges.max_retries.default ?? 3;
  return {
    type: monitor?.type ?? monitorTypes(can, poolProtocol)[0]?.name ?? "",
    delay: String(monitor?.delay ?? 5),
    timeout: String(monitor?.timeout ?? 3),
    maxRetries: String(monitor?.max_retries ?? retries),
    maxRetriesDown: String(monitor?.max_retries_down ?? retries),
    method: monitor?.http_method ?? "GET",
    path: monitor?.url_path ?? "/",
    codes: monitor?.expected_codes ?? "200",
  };
}

const CODES = /^(\d{3}(\s*,\s*\d{3})*|\d{3}-\d{3})$/;

export function checkMonitor(t: Text, can: Capabilities, draft: MonitorDraft, prefix = ""): Record<string, Complaint> {
  const { timeout, max_retries } = can.ranges;
  // Some ways of asking take longer than others.
  const delay = can.health_monitor_types.find(({ name }) => name === draft.type)?.delay ?? can.ranges.delay;
  const beyond = Number(draft.timeout) > Number(draft.delay) ? t.health.timeoutBeyondDelay : null;
  const wrong: Record<string, Complaint> = {
    delay: integer(t, draft.delay, delay),
    timeout: integer(t, draft.timeout, timeout) ?? beyond,
    max_retries: integer(t, draft.maxRetries, max_retries),
    max_retries_down: integer(t, draft.maxRetriesDown, max_retries),
  };
  if (isRequest(can, draft.type)) {
    wrong.url_path = /^\/(?!\/)\S*$/.test(draft.path) ? null : t.wrong.path;
    wrong.expected_codes = CODES.test(draft.codes.trim()) ? null : t.wrong.codes;
  }
  return Object.fromEntries(Object.entries(wrong).map(([name, complaint]) => [prefix + name, complaint]));
}

/** What can be changed of it. */
export function monitorBody(can: Capabilities, draft: MonitorDraft) {
  const request = { http_method: draft.method, url_path: draft.path.trim(), expected_codes: draft.codes.trim() };
  return {
    delay: Number(draft.delay),
    timeout: Number(draft.timeout),
    max_retries: Number(draft.maxRetries),
    max_retries_down: Number(draft.maxRetriesDown),
    ...(isRequest(can, draft.type) ? request : {}),
  };
}

export function newMonitorBody(can: Capabilities, draft: MonitorDraft, poolId: string) {
  return { ...monitorBody(can, draft), type: draft.type, pool_id: poolId };
}
