import { useState } from "preact/hooks";

import { listeners, together } from "../api/objects";
import type { Capabilities, LoadBalancer, Pool } from "../api/types";
import { complaints, integer, length, required } from "../forms/check";
import { ChoiceField, NumberField, SelectField, TextField } from "../forms/form";
import { useNewPool } from "../forms/new-pool";
import { Review, Wizard } from "../forms/wizard";
import { useText } from "../i18n";
import { protocolName } from "../i18n/format";
import { go, to } from "../router";
import { announce } from "../state/announcements";
import { useBelow } from "../state/below";
import { poolsFor } from "../state/capabilities";
import { Loaded } from "../ui/loaded";
import { listenerName, nameOf } from "../ui/name";
import { WizardPage } from "./wizard-page";

/** Adds a listener to a load balancer, with a backend server group of its own or one that is there. */
export function AddListenerPage({ loadBalancerId }: { loadBalancerId: string }) {
  const t = useText();
  const below = useBelow({ id: loadBalancerId });
  return (
    <WizardPage loadBalancerId={loadBalancerId} title={t.listener.add} tab="listeners">
      {(can, loadBalancer) => (
        <Loaded resource={below}>
          {({ pools }) => <AddListener can={can} loadBalancer={loadBalancer} pools={pools} />}
        </Loaded>
      )}
    </WizardPage>
  );
}

type Target = "new" | "existing";

function AddListener({ can, loadBalancer, pools }: { can: Capabilities; loadBalancer: LoadBalancer; pools: Pool[] }) {
  const t = useText();
  const [first] = can.listener_protocols;
  const [draft, setDraft] = useState({ name: "", protocol: first?.name ?? "", port: "", certificate: "" });
  const [target, setTarget] = useState<Target>("new");
  const [chosenPool, setChosenPool] = useState("");
  const pool = useNewPool(can, first?.pool_protocols[0] ?? "", "pool.");
  const set = (change: Partial<typeof draft>) => setDraft((before) => ({ ...before, ...change }));

  const protocol = can.listener_protocols.find(({ name }) => name === draft.protocol);
  const fitting = poolsFor(can, draft.protocol, pools);
  // One that was chosen and is gone by now is nobody's choice of another.
  const existing = chosenPool === "" ? fitting[0] : fitting.find(({ id }) => id === chosenPool);

  const changeProtocol = (name: string) => {
    set({ protocol: name });
    pool.fitTo(can.listener_protocols.find((one) => one.name === name)?.pool_protocols ?? []);
  };

  const send = async () => {
    const made = await together(async (undoneBy) => {
      const group = target === "new" ? await pool.create(loadBalancer.id, undoneBy) : existing;
      return listeners.create({
        name: draft.name.trim(),
        protocol: draft.protocol,
        protocol_port: Number(draft.port),
        loadbalancer_id: loadBalancer.id,
        default_pool_id: group?.id ?? null,
        ...(protocol?.certificate && { default_tls_container_ref: draft.certificate.trim() }),
      });
    });
    announce(t.listener.added(listenerName(made)));
    go(to.loadBalancer(loadBalancer.id, "listeners"));
  };

  return (
    <Wizard
      label={t.listener.add}
      action={t.listener.add}
      send={send}
      onCancel={() => go(to.loadBalancer(loadBalancer.id, "listeners"))}
      steps={[
        {
          title: t.listener.step,
          validate: () =>
            complaints({
              name: length(t, draft.name, can.name.maximum_length),
              protocol_port: integer(t, draft.port, can.ranges.protocol_port),
              default_tls_container_ref: protocol?.certificate ? required(t, draft.certificate) : null,
            }),
          content: (
            <>
              <TextField
                name="name"
                label={t.field.name}
                isFirst
                value={draft.name}
                onChange={(name) => set({ name })}
              />
              <div class="fields">
                <SelectField
                  name="protocol"
                  label={t.field.protocol}
                  value={draft.protocol}
                  options={can.listener_protocols.map(({ name, layer }) => ({
                    value: name,
                    label: `${protocolName(name)} (${t.listener.layer(layer)})`,
                  }))}
                  onChange={changeProtocol}
                />
                <NumberField
                  name="protocol_port"
                  label={t.field.port}
                  value={draft.port}
                  onChange={(port) => set({ port })}
                />
              </div>
              {protocol?.certificate && (
                <TextField
                  name="default_tls_container_ref"
                  label={t.listener.certificate}
                  hint={t.listener.certificateHint}
                  value={draft.certificate}
                  onChange={(certificate) => set({ certificate })}
                />
              )}
            </>
          ),
        },
        {
          title: t.pool.step,
          validate: () =>
            target === "existing"
              ? complaints({ default_pool_id: existing ? null : chosenPool ? t.wrong.gone : t.listener.noFitting })
              : { ...pool.validatePool(), ...pool.validateMonitor() },
          content: (
            <>
              <ChoiceField
                name="target"
                label={t.listener.whichPool}
                value={target}
                choices={[
                  { value: "new", label: t.listener.newPool },
                  { value: "existing", label: t.listener.existingPool },
                ]}
                onChange={(value) => setTarget(value as Target)}
              />
              {target === "existing" ? (
                <SelectField
                  name="default_pool_id"
                  label={t.listener.defaultPool}
                  hint={fitting.length === 0 ? t.listener.noFitting : undefined}
                  value={existing?.id ?? ""}
                  options={fitting.map((one) => ({ value: one.id, label: nameOf(one) }))}
                  onChange={setChosenPool}
                />
              ) : (
                <>
                  {pool.poolFields(protocol?.pool_protocols ?? [])}
                  {pool.monitorFields}
                </>
              )}
            </>
          ),
        },
        {
          title: t.listener.review,
          content: (
            <>
              <Review
                rows={[
                  [t.field.name, draft.name || t.unnamed],
                  [`${t.field.protocol}:${t.field.port}`, `${protocolName(draft.protocol)}:${draft.port}`],
                  ...(target === "new"
                    ? pool.review
                    : ([[t.listener.defaultPool, existing ? nameOf(existing) : t.none]] as [string, string][])),
                ]}
              />
              <p class="hint">{t.listener.reviewHint}</p>
            </>
          ),
        },
      ]}
    />
  );
}
