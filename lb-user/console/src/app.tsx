import { Header } from "./header";
import { useText } from "./i18n";
import { LiveProvider } from "./live/context";
import { AddListenerPage } from "./pages/add-listener";
import { AddPoolPage } from "./pages/add-pool";
import { EventsPage } from "./pages/events";
import { LoadBalancerPage } from "./pages/load-balancer";
import { LoadBalancersPage } from "./pages/load-balancers";
import { PoolPage } from "./pages/pool";
import { SignIn } from "./pages/sign-in";
import type { Session } from "./api/types";
import { type Route, to, useRoute } from "./router";
import { Announcements } from "./state/announcements";
import { SessionContext } from "./state/session";
import { useVisitor } from "./state/visitor";
import { Dialog } from "./ui/dialog";
import { Alert, Loaded } from "./ui/loaded";
import { Missing } from "./ui/missing";
import { PageHeader } from "./ui/page-header";

export function App() {
  const t = useText();
  const { visitor, asked, come, leave } = useVisitor();
  if (!visitor?.session) {
    return (
      <>
        <Header />
        <main id="content" tabIndex={-1}>
          {visitor ? (
            <div class="card sign-in-card">
              <PageHeader title={t.signIn.title} />
              <SignIn onSignedIn={come} />
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
      {/* Somebody else, or one who may do other things, begins anew. */}
      <Console
        key={JSON.stringify([session.name, session.project_id, session.role])}
        session={session}
        onSignOut={leave}
      />
      {isOver && (
        <Dialog title={t.signIn.title} class="dialog cover">
          <SignIn notice={t.signIn.ended} onSignedIn={come} />
        </Dialog>
      )}
    </SessionContext.Provider>
  );
}

function Console({ session, onSignOut }: { session: Session; onSignOut(): Promise<void> }) {
  const t = useText();
  const route = useRoute();
  return (
    <LiveProvider loadBalancerId={"loadBalancerId" in route ? route.loadBalancerId : null}>
      <Header signedIn={{ session, route, onSignOut }} />
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
      return <Missing title={t.notFound} list={{ label: t.loadBalancers, href: to.loadBalancers }} />;
  }
}
