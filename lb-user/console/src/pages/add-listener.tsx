import { useState } from "preact/hooks";

import { listeners } from "../api/objects";
import type { Capabilities, LoadBalancer, Pool } from "../api/types";
import { complaints, integer, length, required } from "../forms/check";
import { useDraft } from "../forms/draft";
import { ChoiceField, NumberField, SelectField, TextField } from "../forms/form";
import { useNewPool } from "../forms/new-pool";
import { Review, Wizard } from "../forms/wizard";
import { useText } from "../i18n";
import { protocolName } from "../i18n/format";
import { go, to } from "../router";
import { announce } from "../state/announcements";
import { useBelow } from "../state/below";
import { choices, poolsFor } from "../state/capabilities";
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
  const protocols = choices(can.listener_protocols);
  const [first] = protocols;
  const { bind, set, fields } = useDraft(() => ({
    name: "",
    protocol: first?.name ?? "",
    protocol_port: "",
    default_tls_container_ref: "",
    default_pool_id: "",
  }));
  const [target, setTarget] = useState<Target>("new");
  const groupsOf = (name: string) => {
    const fitting = protocols.find((one) => one.name === name)?.pool_protocols ?? [];
    return choices(can.pool_protocols)
      .map((one) => one.name)
      .filter((group) => fitting.includes(group));
  };
  const pool = useNewPool(can, groupsOf(fields.protocol)[0] ?? "", "default_pool");

  const protocol = protocols.find(({ name }) => name === fields.protocol);
  const fitting = poolsFor(can, fields.protocol, pools);
  // One that was chosen and is gone by now is nobody's choice of another.
  const chosen = fields.default_pool_id;
  const existing = chosen === "" ? fitting[0] : fitting.find(({ id }) => id === chosen);

  const send = async () => {
    const made = await listeners.create({
      name: fields.name.trim(),
      protocol: fields.protocol,
      protocol_port: Number(fields.protocol_port),
      loadbalancer_id: loadBalancer.id,
      ...(protocol?.certificate && { default_tls_container_ref: fields.default_tls_container_ref.trim() }),
      ...(target === "new" ? { default_pool: pool.body() } : { default_pool_id: existing?.id ?? null }),
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
              name: length(t, fields.name, can.name.maximum_length),
              protocol_port: integer(t, fields.protocol_port, can.ranges.protocol_port),
              default_tls_container_ref: protocol?.certificate ? required(t, fields.default_tls_container_ref) : null,
            }),
          content: (
            <>
              <TextField {...bind("name")} label={t.field.name} isFirst />
              <div class="fields">
                <SelectField
                  {...bind("protocol")}
                  label={t.field.protocol}
                  options={protocols.map(({ name, layer }) => ({
                    value: name,
                    label: `${protocolName(name)} (${t.listener.layer(layer)})`,
                  }))}
                  onChange={(name) => {
                    set({ protocol: name });
                    pool.fitTo(groupsOf(name));
                  }}
                />
                <NumberField {...bind("protocol_port")} label={t.field.port} />
              </div>
              {protocol?.certificate && (
                <TextField
                  {...bind("default_tls_container_ref")}
                  label={t.listener.certificate}
                  hint={t.listener.certificateHint}
                />
              )}
            </>
          ),
        },
        {
          title: t.pool.step,
          validate: () =>
            target === "existing"
              ? complaints({ default_pool_id: existing ? null : chosen ? t.wrong.gone : t.listener.noFitting })
              : { ...pool.validatePool(), ...pool.validateServers() },
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
                  {...bind("default_pool_id")}
                  label={t.listener.defaultPool}
                  hint={fitting.length === 0 ? t.listener.noFitting : undefined}
                  value={existing?.id ?? ""}
                  options={fitting.map((one) => ({ value: one.id, label: nameOf(one) }))}
                />
              ) : (
                <>
                  {pool.poolFields(groupsOf(fields.protocol))}
                  {pool.serverFields}
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
                  [t.field.name, fields.name || t.unnamed],
                  [`${t.field.protocol}:${t.field.port}`, `${protocolName(fields.protocol)}:${fields.protocol_port}`],
                  ...(protocol?.certificate
                    ? ([[t.listener.certificate, fields.default_tls_container_ref]] as [string, string][])
                    : []),
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
