import { flavors, loadBalancers } from "../api/objects";
import type { Capabilities, LoadBalancer } from "../api/types";
import { useText } from "../i18n";
import { announce } from "../state/announcements";
import { useCapabilities } from "../state/capabilities";
import { useResource } from "../state/use-resource";
import { Dialog } from "../ui/dialog";
import { Loaded } from "../ui/loaded";
import { nameOf } from "../ui/name";
import { address, complaints, length } from "./check";
import { Form, SelectField, SwitchField, TextField } from "./form";
import { Submit } from "./submit";
import { useEdited } from "./use-edited";
import { useForm } from "./use-form";

interface Props {
  /** Null: one is created. */
  loadBalancer: LoadBalancer | null;
  onClose(): void;
  onDone(loadBalancer: LoadBalancer): void;
}

/** Creates a load balancer, or changes its name, its description and whether it is on. */
export function LoadBalancerDialog(props: Props) {
  const t = useText();
  const can = useCapabilities(props.loadBalancer?.id ?? null);
  return (
    <Dialog title={props.loadBalancer ? t.lb.edit : t.lb.createTitle} onClose={props.onClose}>
      <Loaded resource={can}>{(known) => <Fields {...props} can={known} />}</Loaded>
    </Dialog>
  );
}

function Fields({ can, loadBalancer, onClose, onDone }: Props & { can: Capabilities }) {
  const t = useText();
  // Without any there is nothing to choose, and so it is where they cannot be seen.
  const offered = useResource("flavors", flavors).data ?? [];
  const { base, draft, set, reload } = useEdited(loadBalancers, loadBalancer, (from) => ({
    name: from?.name ?? "",
    description: from?.description ?? "",
    subnet: can.subnets[0]?.id ?? "",
    address: "",
    flavor: "",
    isEnabled: from?.admin_state_up ?? true,
  }));
  const needsAddress = can.subnets.length === 0;
  const form = useForm({
    validate: () =>
      complaints({
        name: length(t, draft.name, can.name.maximum_length),
        description: length(t, draft.description, can.name.maximum_length),
        vip_address: loadBalancer || (!needsAddress && !draft.address.trim()) ? null : address(t, draft.address),
      }),
    send: async () => {
      const open = { name: draft.name.trim(), description: draft.description, admin_state_up: draft.isEnabled };
      const saved = base
        ? await loadBalancers.update(base, open)
        : await loadBalancers.create({
            ...open,
            ...(draft.subnet && { vip_subnet_id: draft.subnet }),
            ...(draft.address.trim() && { vip_address: draft.address.trim() }),
            ...(draft.flavor && { flavor_id: draft.flavor }),
          });
      announce((loadBalancer ? t.lb.saved : t.lb.created)(nameOf(saved)));
      onClose();
      onDone(saved);
    },
    onChanged: reload,
  });
  return (
    <Form form={form}>
      <TextField name="name" label={t.field.name} isFirst value={draft.name} onChange={(name) => set({ name })} />
      <TextField
        name="description"
        label={t.field.description}
        value={draft.description}
        onChange={(description) => set({ description })}
      />
      {!loadBalancer && !needsAddress && (
        <SelectField
          name="vip_subnet_id"
          label={t.lb.subnet}
          value={draft.subnet}
          options={can.subnets.map(({ id, name, cidr }) => ({ value: id, label: `${name} (${cidr})` }))}
          onChange={(subnet) => set({ subnet })}
        />
      )}
      {!loadBalancer && (
        <TextField
          name="vip_address"
          label={needsAddress ? t.lb.vip : t.lb.vipOptional}
          hint={needsAddress ? undefined : t.lb.vipChosen}
          value={draft.address}
          onChange={(value) => set({ address: value })}
        />
      )}
      {!loadBalancer && offered.length > 0 && (
        <SelectField
          name="flavor_id"
          label={t.lb.flavor}
          value={draft.flavor}
          options={[
            { value: "", label: t.lb.noFlavor },
            ...offered.map(({ id, name }) => ({ value: id, label: name })),
          ]}
          onChange={(flavor) => set({ flavor })}
        />
      )}
      {loadBalancer && (
        <SwitchField
          name="admin_state_up"
          label={t.field.enabled}
          hint={t.lb.enabledHint}
          isOn={draft.isEnabled}
          onChange={(isEnabled) => set({ isEnabled })}
        />
      )}
      <Submit form={form} label={loadBalancer ? t.do.ok : t.lb.create} onCancel={onClose} />
    </Form>
  );
}
