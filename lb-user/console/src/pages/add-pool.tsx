import { pools } from "../api/objects";
import type { Capabilities, LoadBalancer } from "../api/types";
import { useNewPool } from "../forms/new-pool";
import { Review, Wizard } from "../forms/wizard";
import { useText } from "../i18n";
import { go, to } from "../router";
import { announce } from "../state/announcements";
import { choices } from "../state/capabilities";
import { nameOf } from "../ui/name";
import { WizardPage } from "./wizard-page";

/** Adds a backend server group to a load balancer. */
export function AddPoolPage({ loadBalancerId }: { loadBalancerId: string }) {
  const t = useText();
  return (
    <WizardPage loadBalancerId={loadBalancerId} title={t.pool.add} tab="pools">
      {(can, loadBalancer) => <AddPool can={can} loadBalancer={loadBalancer} />}
    </WizardPage>
  );
}

function AddPool({ can, loadBalancer }: { can: Capabilities; loadBalancer: LoadBalancer }) {
  const t = useText();
  const protocols = choices(can.pool_protocols).map(({ name }) => name);
  const pool = useNewPool(can, protocols[0] ?? "");
  const send = async () => {
    const made = await pools.create({ ...pool.body(), loadbalancer_id: loadBalancer.id });
    announce(t.pool.added(nameOf(made)));
    go(to.pool(loadBalancer.id, made.id));
  };
  return (
    <Wizard
      label={t.pool.add}
      action={t.pool.add}
      send={send}
      onCancel={() => go(to.loadBalancer(loadBalancer.id, "pools"))}
      steps={[
        { title: t.pool.step, validate: pool.validatePool, content: pool.poolFields(protocols) },
        { title: t.pool.members, validate: pool.validateServers, content: pool.serverFields },
        {
          title: t.listener.review,
          content: (
            <>
              <Review rows={pool.review} />
              <p class="hint">{t.listener.reviewHint}</p>
            </>
          ),
        },
      ]}
    />
  );
}
