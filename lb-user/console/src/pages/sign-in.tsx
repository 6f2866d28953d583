import { useEffect, useState } from "preact/hooks";

import { ApiError } from "../api/http";
import { signIn } from "../api/session";
import type { Session } from "../api/types";
import { complaints, required } from "../forms/check";
import { Form, TextField } from "../forms/form";
import { useForm } from "../forms/use-form";
import { useText } from "../i18n";

interface Props {
  /** Said where somebody was signed in before. */
  notice?: string;
  onSignedIn(session: Session): void;
}

export function SignIn({ notice, onSignedIn }: Props) {
  const t = useText();
  const [by, setBy] = useState<"password" | "token">("password");
  const [draft, setDraft] = useState({ name: "", password: "", token: "" });
  const [waitS, setWaitS] = useState(0);
  const set = (change: Partial<typeof draft>) => setDraft((before) => ({ ...before, ...change }));

  useEffect(() => {
    if (waitS <= 0) return;
    const timer = setTimeout(() => setWaitS(waitS - 1), 1000);
    return () => clearTimeout(timer);
  }, [waitS]);

  const form = useForm({
    validate: () =>
      complaints(
        by === "token"
          ? { token: required(t, draft.token) }
          : { name: required(t, draft.name), password: required(t, draft.password) },
      ),
    send: async () => {
      try {
        const { name, password, token } = draft;
        onSignedIn(await signIn(by === "token" ? { token: token.trim() } : { name: name.trim(), password }));
      } catch (failure) {
        if (!(failure instanceof ApiError)) throw failure;
        if (failure.status === 429) setWaitS(failure.retryAfterS ?? 1);
        if (failure.status === 401) throw new ApiError(401, t.signIn.wrong);
        if (failure.status === 429) throw new ApiError(429, t.signIn.tooMany(failure.retryAfterS ?? 1));
        throw failure;
      }
    },
  });

  return (
    <div class="sign-in">
      {notice && <p class="hint">{notice}</p>}
      <Form form={form} label={t.signIn.title}>
        {by === "password" ? (
          <>
            <TextField
              key="name"
              name="name"
              label={t.signIn.name}
              autocomplete="username"
              isFirst
              value={draft.name}
              onChange={(name) => set({ name })}
            />
            <TextField
              key="password"
              name="password"
              label={t.signIn.password}
              type="password"
              autocomplete="current-password"
              value={draft.password}
              onChange={(password) => set({ password })}
            />
          </>
        ) : (
          <TextField
            key="token"
            name="token"
            label={t.signIn.token}
            type="password"
            isFirst
            value={draft.token}
            onChange={(token) => set({ token })}
          />
        )}
        <button type="submit" class="primary" disabled={form.isBusy || waitS > 0}>
          {t.signIn.submit}
          {waitS > 0 && ` (${waitS})`}
        </button>
        <button
          type="button"
          class="link"
          onClick={() => {
            setBy(by === "token" ? "password" : "token");
            form.show({});
          }}
        >
          {by === "token" ? t.signIn.withPassword : t.signIn.withToken}
        </button>
      </Form>
    </div>
  );
}
