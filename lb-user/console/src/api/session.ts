import { ask } from "./http";
import type { Session } from "./types";

const PATH = "/console/session";
type Answer = { session: Session };

export type Credentials = { name: string; password: string } | { token: string };

/** Who has signed in with this browser; null: nobody. */
export async function currentSession(signal?: AbortSignal): Promise<Session | null> {
  return (await ask<{ session: Session | null }>(PATH, { signal })).session;
}

export async function signIn(credentials: Credentials): Promise<Session> {
  return (await ask<Answer>(PATH, { method: "POST", body: credentials })).session;
}

export async function signOut(): Promise<void> {
  await ask(PATH, { method: "DELETE" });
}
