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
import { useEdited } from "./draft";
import { Form, SelectField, SwitchField, TextField } from "./form";
import { Submit } from "./submit";
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
    <Dialog title={props.loadBalancer ? t.lb.edit : t.lb.create} onClose={props.onClose}>
      <Loaded resource={can}>{(known) => <Fields {...props} can={known} />}</Loaded>
    </Dialog>
  );
}

function Fields({ can, loadBalancer, onClose, onDone }: Props & { can: Capabilities }) {
  const t = useText();
  // Without any there is nothing to choose, and so it is where they cannot be seen.
  const offered = useResource("flavors", flavors).data ?? [];
  const { base, draft, reload } = useEdited(loadBalancers, loadBalancer, (from) => ({
    name: from?.name ?? "",
    description: from?.description ?? "",
    vip_subnet_id: can.subnets[0]?.id ?? "",
    vip_address: "",
    flavor_id: "",
    admin_state_up: from?.admin_state_up ?? true,
  }));
  const { bind, fields } = draft;
  const needsAddress = can.subnets.length === 0;
  const form = useForm({
    validate: () =>
      complaints({
        name: length(t, fields.name, can.name.maximum_length),
        description: length(t, fields.description, can.name.maximum_length),
        vip_address:
          loadBalancer || (!needsAddress && !fields.vip_address.trim()) ? null : address(t, fields.vip_address),
      }),
    send: async () => {
      const { name, description, admin_state_up, vip_subnet_id, vip_address, flavor_id } = fields;
      const open = { name: name.trim(), description, admin_state_up };
      const saved = base
        ? await loadBalancers.update(base, open)
        : await loadBalancers.create({
            ...open,
            ...(vip_subnet_id && { vip_subnet_id }),
            ...(vip_address.trim() && { vip_address: vip_address.trim() }),
            ...(flavor_id && { flavor_id }),
          });
      announce((loadBalancer ? t.lb.saved : t.lb.created)(nameOf(saved)));
      onClose();
      onDone(saved);
    },
    onChanged: reload,
  });
  return (
    <Form form={form}>
      <TextField {...bind("name")} label={t.field.name} isFirst />
      <TextField {...bind("description")} label={t.field.description} />
      {!loadBalancer && !needsAddress && (
        <SelectField
          {...bind("vip_subnet_id")}
          label={t.lb.subnet}
          options={can.subnets.map(({ id, name, cidr }) => ({ value: id, label: `${name} (${cidr})` }))}
        />
      )}
      {!loadBalancer && (
        <TextField
          {...bind("vip_address")}
          label={needsAddress ? t.lb.vip : t.lb.vipOptional}
          hint={needsAddress ? undefined : t.lb.vipChosen}
        />
      )}
      {!loadBalancer && offered.length > 0 && (
        <SelectField
          {...bind("flavor_id")}
          label={t.lb.flavor}
          options={[
            { value: "", label: t.lb.noFlavor },
            ...offered.map(({ id, name }) => ({ value: id, label: name })),
          ]}
        />
      )}
      {loadBalancer && <SwitchField {...bind("admin_state_up")} label={t.field.enabled} hint={t.lb.enabledHint} />}
      <Submit form={form} label={loadBalancer ? t.do.ok : t.lb.create} onCancel={onClose} />
    </Form>
  );
}
