import { useEffect, useState } from "preact/hooks";

import { ApiError } from "../api/http";
import { signIn } from "../api/session";
import type { Session } from "../api/types";
import { complaints, required } from "../forms/check";
import { useDraft } from "../forms/draft";
import { Form, TextField } from "../forms/form";
import { Explained, useForm } from "../forms/use-form";
import { useText } from "../i18n";

interface Props {
  /** Said where somebody was signed in before. */
  notice?: string;
  onSignedIn(session: Session): void;
}

export function SignIn({ notice, onSignedIn }: Props) {
  const t = useText();
  const [by, setBy] = useState<"password" | "token">("password");
  const { bind, fields } = useDraft(() => ({ name: "", password: "", token: "" }));
  const [waitS, setWaitS] = useState(0);

  useEffect(() => {
    if (waitS <= 0) return;
    const timer = setTimeout(() => setWaitS(waitS - 1), 1000);
    return () => clearTimeout(timer);
  }, [waitS]);

  const form = useForm({
    validate: () =>
      complaints(
        by === "token"
          ? { token: required(t, fields.token) }
          : { name: required(t, fields.name), password: required(t, fields.password) },
      ),
    send: async () => {
      try {
        const { name, password, token } = fields;
        onSignedIn(await signIn(by === "token" ? { token: token.trim() } : { name: name.trim(), password }));
      } catch (failure) {
        if (!(failure instanceof ApiError)) throw failure;
        if (failure.status === 429) setWaitS(failure.retryAfterS ?? 1);
        if (failure.status === 401) throw new Explained(t.signIn.wrong);
        if (failure.status === 429) throw new Explained(t.signIn.tooMany(failure.retryAfterS ?? 1));
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
            <TextField key="name" {...bind("name")} label={t.signIn.name} autocomplete="username" isFirst />
            <TextField
              key="password"
              {...bind("password")}
              label={t.signIn.password}
              type="password"
              autocomplete="current-password"
            />
          </>
        ) : (
          <TextField key="token" {...bind("token")} label={t.signIn.token} type="password" isFirst />
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
