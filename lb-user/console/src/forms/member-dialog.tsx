import { membersOf } from "../api/objects";
import type { Capabilities, Member } from "../api/types";
import { useText } from "../i18n";
import { announce } from "../state/announcements";
import { Dialog } from "../ui/dialog";
import { memberName } from "../ui/name";
import { address, complaints, integer, length } from "./check";
import { Form, NumberField, SwitchField, TextField } from "./form";
import { Submit } from "./submit";
import { useEdited } from "./use-edited";
import { useForm } from "./use-form";

interface Props {
  can: Capabilities;
  poolId: string;
  /** Null: one is added. */
  member: Member | null;
  onClose(): void;
  onChanged(): void;
}

/** Adds a backend server, or changes its weight and name. */
export function MemberDialog({ can, poolId, member, onClose, onChanged }: Props) {
  const t = useText();
  const { weight, protocol_port } = can.ranges;
  const members = membersOf(poolId);
  const { base, draft, set, reload } = useEdited(members, member, (from) => ({
    name: from?.name ?? "",
    address: from?.address ?? "",
    port: from ? String(from.protocol_port) : "",
    weight: String(from?.weight ?? weight.default ?? 1),
    isEnabled: from?.admin_state_up ?? true,
  }));
  const form = useForm({
    validate: () =>
      complaints({
        name: length(t, draft.name, can.name.maximum_length),
        address: address(t, draft.address),
        protocol_port: integer(t, draft.port, protocol_port),
        weight: integer(t, draft.weight, weight),
      }),
    send: async () => {
      const open = { name: draft.name.trim(), weight: Number(draft.weight), admin_state_up: draft.isEnabled };
      const place = { address: draft.address.trim(), protocol_port: Number(draft.port) };
      const saved = base ? await members.update(base, open) : await members.create({ ...open, ...place });
      announce((member ? t.member.saved : t.member.added)(memberName(saved)));
      onChanged();
      onClose();
    },
    onChanged: reload,
  });
  return (
    <Dialog title={member ? t.member.edit(memberName(member)) : t.member.addTitle} onClose={onClose}>
      <Form form={form}>
        <TextField name="name" label={t.field.name} value={draft.name} onChange={(name) => set({ name })} />
        {!member && (
          <div class="fields">
            <TextField
              name="address"
              label={t.field.address}
              value={draft.address}
              onChange={(value) => set({ address: value })}
            />
            <NumberField
              name="protocol_port"
              label={t.field.port}
              value={draft.port}
              onChange={(port) => set({ port })}
            />
          </div>
        )}
        <NumberField
          name="weight"
          label={t.field.weight}
          hint={t.member.weightHint(weight.minimum, weight.maximum)}
          value={draft.weight}
          onChange={(value) => set({ weight: value })}
        />
        <SwitchField
          name="admin_state_up"
          label={t.field.enabled}
          isOn={draft.isEnabled}
          onChange={(isEnabled) => set({ isEnabled })}
        />
        <Submit form={form} label={member ? t.do.ok : t.member.add} onCancel={onClose} />
      </Form>
    </Dialog>
  );
}
