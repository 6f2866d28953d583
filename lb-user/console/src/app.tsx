import { useEffect, useRef, useState } from "preact/hooks";

import { onSignedOut } from "./api/http";
import { currentSession, signOut } from "./api/session";
import type { Session } from "./api/types";
import { languages, useLanguage, useText } from "./i18n";
import { LiveProvider, useConnection } from "./live/context";
import { AddListenerPage } from "./pages/add-listener";
import { AddPoolPage } from "./pages/add-pool";
import { EventsPage } from "./pages/events";
import { LoadBalancerPage } from "./pages/load-balancer";
import { LoadBalancersPage } from "./pages/load-balancers";
import { PoolPage } from "./pages/pool";
import { SignIn } from "./pages/sign-in";
import { type Route, to, useRoute } from "./router";
import { Announcements } from "./state/announcements";
import { SessionContext, tellSignedIn } from "./state/session";
import { useResource } from "./state/use-resource";
import { Dialog } from "./ui/dialog";
import { Icon, Logo } from "./ui/icons";
import { Alert, Loaded } from "./ui/loaded";
import { PageHeader } from "./ui/page-header";

/** Nobody; or somebody, whose time may be over: what they were at stays where it is. */
type Visitor = { session: Session | null; isOver: boolean };
const NOBODY: Visitor = { session: null, isOver: false };

export function App() {
  const t = useText();
  // Null until the daemon has said who it is.
  const [visitor, setVisitor] = useState<Visitor | null>(null);
  const asked = useResource("session", async (signal) => ({ session: await currentSession(signal) }));
  useEffect(() => {
    const answer = asked.data;
    if (answer)
      setVisitor((before) => (answer.session ? { session: answer.session, isOver: false } : (before ?? NOBODY)));
  }, [asked.data]);
  useEffect(
    () => onSignedOut(() => setVisitor((before) => before && { ...before, isOver: before.session !== null })),
    [],
  );

  const signedIn = (session: Session) => {
    setVisitor({ session, isOver: false });
    tellSignedIn();
  };
  const leave = () => {
    // Whoever leaves is out of the page, whether the daemon hears of it or not.
    void signOut().catch(() => undefined);
    setVisitor(NOBODY);
  };

  if (!visitor?.session) {
    return (
      <>
        <Header session={null} />
        <main id="content" tabIndex={-1}>
          {visitor ? (
            <div class="card sign-in-card">
              <PageHeader title={t.signIn.title} />
              <SignIn onSignedIn={signedIn} />
            </div>
          ) : (
            <Loaded resource={asked}>{() => null}</Loaded>
          )}
        </main>
      </>
    );
  }
  const { session, isOver } = visitor;
  return (
    <SessionContext.Provider value={session}>
      {/* Somebody else begins anew. */}
      <Console key={`${session.name} ${session.project_id}`} session={session} onSignOut={leave} />
      {isOver && (
        <Dialog title={t.signIn.title} class="dialog cover">
          <SignIn notice={t.signIn.ended} onSignedIn={signedIn} />
        </Dialog>
      )}
    </SessionContext.Provider>
  );
}

function Console({ session, onSignOut }: { session: Session; onSignOut(): void }) {
  const t = useText();
  const route = useRoute();
  return (
    <LiveProvider loadBalancerId={"loadBalancerId" in route ? route.loadBalancerId : null}>
      <Header session={session} route={route} onSignOut={onSignOut} />
      <main id="content" tabIndex={-1}>
        {session.role === "observer" && <Alert tone="info">{t.signIn.observer}</Alert>}
        <Page route={route} />
      </main>
      <Announcements />
    </LiveProvider>
  );
}

function Page({ route }: { route: Route }) {
  const t = useText();
  switch (route.page) {
    case "load-balancers":
      return <LoadBalancersPage />;
    case "load-balancer":
      return <LoadBalancerPage key={route.loadBalancerId} id={route.loadBalancerId} tab={route.tab} />;
    case "add-listener":
      return <AddListenerPage key={route.loadBalancerId} loadBalancerId={route.loadBalancerId} />;
    case "add-pool":
      return <AddPoolPage key={route.loadBalancerId} loadBalancerId={route.loadBalancerId} />;
    case "pool":
      return <PoolPage key={route.poolId} loadBalancerId={route.loadBalancerId} poolId={route.poolId} />;
    case "events":
      return <EventsPage />;
    case "unknown":
      return (
        <>
          <PageHeader title={t.notFound} />
          <a href={to.loadBalancers}>{t.toLoadBalancers}</a>
        </>
      );
  }
}

interface HeaderProps {
  session: Session | null;
  route?: Route;
  onSignOut?: () => void;
}

function Header({ session, route, onSignOut }: HeaderProps) {
  const t = useText();
  const { language, choose } = useLanguage();
  const content = useRef<HTMLAnchorElement>(null);
  return (
    <header class="top">
      <a
        ref={content}
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
      {session && (
        <nav aria-label={t.mainNavigation}>
          <a href={to.loadBalancers} aria-current={route?.page === "events" ? undefined : "page"}>
            {t.loadBalancers}
          </a>
          <a href={to.events} aria-current={route?.page === "events" ? "page" : undefined}>
            {t.events}
          </a>
        </nav>
      )}
      <div class="top-end">
        {session && <Connection />}
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
        {session?.auth === "required" && (
          <>
            <span class="who" title={t.signIn.as(session.name)}>
              {session.name}
            </span>
            <button type="button" onClick={onSignOut}>
              {t.signIn.out}
            </button>
          </>
        )}
      </div>
    </header>
  );
}

/** Whether what is shown is what is. */
function Connection() {
  const state = useConnection();
  const t = useText().live;
  return (
    <span class={`connection ${state}`} role="status">
      <Icon name={state === "live" ? "dot" : "busy"} />
      {t[state]}
    </span>
  );
}
