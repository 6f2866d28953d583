/** Where the management API is, seen from the page. */
export const API = "/v2.0/lbaas";

/** What stands for a status where there is none: the daemon was not reached, or the page itself is wrong. */
export const UNREACHED = 0;
export const UNEXPECTED = -1;

/** A request that was refused or has failed. */
export class ApiError extends Error {
  constructor(
    /** The HTTP status, or one of the above. */
    readonly status: number,
    message: string,
    /** The field of the request that is wrong, by its path in there, where it is about one. */
    readonly field: string | null = null,
    readonly retryAfterS: number | null = null,
  ) {
    super(message);
  }
}

/** Any failure as one that can be told. What is no refusal is a mistake of the page, and its developers want to know of it. */
export function asApiError(failure: unknown): ApiError {
  if (failure instanceof ApiError) return failure;
  console.error(failure);
  return new ApiError(UNEXPECTED, String(failure));
}

/** What complaints begin with; the field is where they are shown, and the value is what stands there. */
const PREAMBLE = /^(?:Invalid input for field\/attribute \S+ (?:Value: '.*?'\. )?|Validation failure: )(?=.)/s;

function text(body: unknown): string {
  if (typeof body !== "object" || body === null) return "";
  const said = body as Record<string, unknown>;
  if (typeof said.error === "object") return text(said.error);
  const words = said.faultstring ?? said.description ?? said.message ?? said.title;
  return typeof words === "string" ? words : "";
}

function refusal(response: Response, body: unknown): ApiError {
  const said = text(body) || response.statusText || `HTTP ${response.status}`;
  const field = (body as { field?: unknown } | null)?.field;
  const wait = Number(response.headers.get("Retry-After") ?? "");
  return new ApiError(
    response.status,
    said.replace(PREAMBLE, ""),
    typeof field === "string" ? field : null,
    wait > 0 ? wait : null,
  );
}

const doubted = new Set<() => void>();

/** Calls back whenever somebody else may look at this page by now, or one who may do other things; returns how to stop that. */
export function onDoubted(callback: () => void): () => void {
  doubted.add(callback);
  return () => doubted.delete(callback);
}

export function doubt(): void {
  doubted.forEach((callback) => callback());
}

let isAway = false;
const awaiting = new Set<(isAway: boolean) => void>();

/** Whether the daemon was not reached when it was asked last. */
export const daemonIsAway = () => isAway;

/** Calls back whenever the daemon has gone or is back; returns how to stop that. */
export function onReach(callback: (isAway: boolean) => void): () => void {
  awaiting.add(callback);
  return () => awaiting.delete(callback);
}

function note(away: boolean): void {
  if (away === isAway) return;
  isAway = away;
  awaiting.forEach((callback) => callback(away));
}

/** What the network alone can make fail. */
export async function reached<T>(attempt: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  try {
    const result = await attempt;
    note(false);
    return result;
  } catch (failure) {
    if (signal?.aborted) throw failure;
    note(true);
    throw new ApiError(UNREACHED, "");
  }
}

function read(answer: string): unknown {
  try {
    return answer ? JSON.parse(answer) : null;
  } catch {
    return { message: answer.slice(0, 300) };
  }
}

export interface Request {
  method?: "GET" | "POST" | "PUT" | "DELETE";
  body?: unknown;
  revision?: number | undefined;
  accept?: string;
  signal?: AbortSignal | undefined;
}

/** Asks the daemon; its answer, whose body may still be coming, or `ApiError`. */
export async function begin(path: string, request: Request = {}): Promise<Response> {
  const { body, revision, signal } = request;
  const headers: Record<string, string> = { "X-Holdfast-Console": "1", Accept: request.accept ?? "application/json" };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (revision !== undefined) headers["If-Match"] = `"${revision}"`;
  const init: RequestInit = {
    method: request.method ?? "GET",
    headers,
    body: body === undefined ? null : JSON.stringify(body),
    signal: signal ?? null,
    credentials: "same-origin",
    cache: "no-store",
  };
  const response = await reached(fetch(path, init), signal);
  if (response.ok) return response;
  const said = read(await reached(response.text(), signal));
  const isDoubted = response.status === 401 || response.status === 403;
  if (isDoubted && !path.startsWith("/console/")) doubt();
  throw refusal(response, said);
}

/** Asks the daemon; the answer's JSON, or `ApiError`. */
export async function ask<T>(path: string, request: Request = {}): Promise<T> {
  const response = await begin(path, request);
  return read(await reached(response.text(), request.signal)) as T;
}

/** A path with a query, without what is empty. */
export function withQuery(path: string, query: Record<string, string | number | null | undefined>): string {
  const parameters = new URLSearchParams();
  for (const [key, value] of Object.entries(query)) {
    if (value !== null && value !== undefined && value !== "") parameters.set(key, String(value));
  }
  const written = parameters.toString();
  return written ? `${path}?${written}` : path;
}
