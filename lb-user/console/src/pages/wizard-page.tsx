import type { ComponentChildren } from "preact";

import type { Capabilities, LoadBalancer } from "../api/types";
import { useText } from "../i18n";
import { type LbTab, to } from "../router";
import { useCapabilities } from "../state/capabilities";
import { useWhyFixed } from "../state/declared";
import { useMayChange } from "../state/session";
import { Fixed, Loaded } from "../ui/loaded";
import { nameOf } from "../ui/name";
import { PageHeader } from "../ui/page-header";
import { useLoadBalancer } from "./load-balancer";

interface Props {
  loadBalancerId: string;
  title: string;
  /** Where what is made is going to be shown. */
  tab: LbTab;
  children(can: Capabilities, loadBalancer: LoadBalancer): ComponentChildren;
}

/** The page of a wizard: it begins once what can be chosen is known. */
export function WizardPage({ loadBalancerId, title, tab, children }: Props) {
  const t = useText();
  const mayChange = useMayChange();
  const whyFixed = useWhyFixed();
  const why = (lb: LoadBalancer) => (mayChange ? whyFixed(lb) : t.signIn.observer);
  const can = useCapabilities(loadBalancerId);
  const loadBalancer = useLoadBalancer(loadBalancerId);
  return (
    <Loaded resource={loadBalancer} list={{ label: t.loadBalancers, href: to.loadBalancers }}>
      {(lb) => (
        <>
          <PageHeader
            title={title}
            above={[
              { label: t.loadBalancers, href: to.loadBalancers },
              { label: nameOf(lb), href: to.loadBalancer(lb.id) },
              { label: t.lb.tabs[tab], href: to.loadBalancer(lb.id, tab) },
            ]}
          />
          {why(lb) ? <Fixed why={why(lb)} /> : <Loaded resource={can}>{(known) => children(known, lb)}</Loaded>}
        </>
      )}
    </Loaded>
  );
}
