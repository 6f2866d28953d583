/** Where the management API is, seen from the page. */
export const API = "/v2.0/lbaas";

/** A request that was refused or has failed. */
export class ApiError extends Error {
  constructor(
    /** The HTTP status; 0: the daemon was not reached. */
    readonly status: number,
    message: string,
    /** The field of the request that is wrong, as far as the daemon names one. */
    readonly field: string | null = null,
    readonly retryAfterS: number | null = null,
  ) {
    super(message);
  }
}

const FIELD = /Invalid input for field\/attribute ([\w.]+?)\.? (?:Value: '.*?'\. )?(.*)/s;
/** Other refusals name a field in passing, such as "persistence_timeout 7 is out of range". */
const MENTIONED = /\b[a-z]+(?:_[a-z]+)+\b/;

function text(body: unknown): string {
  if (typeof body !== "object" || body === null) return "";
  const said = body as Record<string, unknown>;
  if (typeof said.error === "object") return text(said.error);
  const words = said.faultstring ?? said.description ?? said.message ?? said.title;
  return typeof words === "string" ? words : "";
}

function refusal(response: Response, body: unknown): ApiError {
  const said = text(body) || response.statusText || `HTTP ${response.status}`;
  const [, field = MENTIONED.exec(said)?.[0], complaint = said] = FIELD.exec(said) ?? [];
  const wait = Number(response.headers.get("Retry-After") ?? "");
  // `session_persistence.cookie_name` is the field `cookie_name` of a form.
  const name = field?.split(".").pop() ?? null;
  return new ApiError(response.status, complaint || said, name, wait > 0 ? wait : null);
}

const signedOut = new Set<() => void>();

/** Calls back whenever the daemon no longer knows who asks; returns how to stop that. */
export function onSignedOut(callback: () => void): () => void {
  signedOut.add(callback);
  return () => signedOut.delete(callback);
}

export interface Request {
  method?: "GET" | "POST" | "PUT" | "DELETE";
  body?: unknown;
  revision?: number | undefined;
  signal?: AbortSignal | undefined;
}

/** Asks the daemon; the answer's JSON, or `ApiError`. */
export async function ask<T>(path: string, request: Request = {}): Promise<T> {
  const headers: Record<string, string> = { "X-Holdfast-Console": "1", Accept: "application/json" };
  if (request.body !== undefined) headers["Content-Type"] = "application/json";
  if (request.revision !== undefined) headers["If-Match"] = `"${request.revision}"`;
  let response: Response;
  let body: unknown = null;
  try {
    response = await fetch(path, {
      method: request.method ?? "GET",
      headers,
      body: request.body === undefined ? null : JSON.stringify(request.body),
      signal: request.signal ?? null,
      credentials: "same-origin",
      cache: "no-store",
    });
    const answer = await response.text();
    try {
      body = answer ? JSON.parse(answer) : null;
    } catch {
      body = { message: answer.slice(0, 300) };
    }
  } catch (failure) {
    if (request.signal?.aborted) throw failure;
    throw new ApiError(0, "");
  }
  if (response.ok) return body as T;
  if (response.status === 401 && !path.startsWith("/console/")) signedOut.forEach((callback) => callback());
  throw refusal(response, body);
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
