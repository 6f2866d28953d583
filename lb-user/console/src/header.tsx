import { useEffect, useRef, useState } from "preact/hooks";

import { asApiError } from "./api/http";
import type { Session } from "./api/types";
import { languages, useLanguage, useText } from "./i18n";
import { useConnection } from "./live/context";
import { type Route, to } from "./router";
import { useIsAway } from "./state/reach";
import { leave } from "./state/unsaved";
import { Away } from "./ui/away";
import { Confirm } from "./ui/confirm";
import { Icon, Logo } from "./ui/icons";

interface SignedIn {
  session: Session;
  route: Route;
  onSignOut(): Promise<void>;
}

export function Header({ signedIn }: { signedIn?: SignedIn }) {
  const t = useText();
  return (
    <>
      <header class="top">
        <a
          class="skip"
          href="#content"
          onClick={(event) => {
            // The address of the page is behind the same sign.
            event.preventDefault();
            document.getElementById("content")?.focus();
          }}
        >
          {t.skip}
        </a>
        <span class="brand">
          <Logo />
          Holdfast
        </span>
        {signedIn && <Navigation page={signedIn.route.page} />}
        <div class="top-end">
          {signedIn && <Connection />}
          <Language />
          {signedIn?.session.auth === "required" && <SignOut {...signedIn} />}
        </div>
      </header>
      <Away />
    </>
  );
}

function Navigation({ page }: { page: Route["page"] }) {
  const t = useText();
  const current = (is: boolean) => (is ? "page" : undefined);
  return (
    <nav aria-label={t.mainNavigation}>
      <a href={to.loadBalancers} aria-current={current(page !== "events" && page !== "unknown")}>
        {t.loadBalancers}
      </a>
      <a href={to.events} aria-current={current(page === "events")}>
        {t.events}
      </a>
    </nav>
  );
}

function Language() {
  const t = useText();
  const { language, choose } = useLanguage();
  return (
    <select
      aria-label={t.language}
      value={language}
      onChange={(event) => choose(event.currentTarget.value as typeof language)}
    >
      {languages.map(({ code, name, tag }) => (
        <option key={code} value={code} lang={tag} selected={code === language}>
          {name}
        </option>
      ))}
    </select>
  );
}

/** Whether what is shown is what is. */
function Connection() {
  const connection = useConnection();
  const state = useIsAway() ? "away" : connection;
  const t = useText().live;
  return (
    <span class={`connection ${state}`} role="status">
      <Icon name={state === "live" ? "dot" : "busy"} />
      {t[state]}
    </span>
  );
}

/** Who has signed in, and how they leave. Where the daemon does not hear of it they have not left, and are told so. */
function SignOut({ session, onSignOut }: SignedIn) {
  const t = useText().signIn;
  const [hasStayed, setStayed] = useState(false);
  // Whoever comes next does not leave by what this one has been asked.
  const isHere = useRef(true);
  useEffect(() => () => void (isHere.current = false), []);
  const signOut = () =>
    onSignOut().catch((failure: unknown) => {
      asApiError(failure);
      setStayed(true);
    });
  return (
    <>
      <span class="who" title={t.as(session.name)}>
        {session.name}
      </span>
      <button type="button" onClick={() => leave(() => isHere.current && void signOut())}>
        {t.out}
      </button>
      {hasStayed && (
        <Confirm action={t.out} consequence={t.stayed} isGentle confirm={onSignOut} onClose={() => setStayed(false)} />
      )}
    </>
  );
}
