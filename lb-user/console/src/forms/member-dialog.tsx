import { membersOf } from "../api/objects";
import type { Capabilities, Member } from "../api/types";
import { useText } from "../i18n";
import { announce } from "../state/announcements";
import { Dialog } from "../ui/dialog";
import { memberName } from "../ui/name";
import { address, complaints, integer, length } from "./check";
import { useEdited } from "./draft";
import { Form, NumberField, SwitchField, TextField } from "./form";
import { Submit } from "./submit";
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
  const { base, draft, reload } = useEdited(members, member, (from) => ({
    name: from?.name ?? "",
    address: from?.address ?? "",
    protocol_port: from ? String(from.protocol_port) : "",
    weight: String(from?.weight ?? weight.default ?? 1),
    admin_state_up: from?.admin_state_up ?? true,
  }));
  const { bind, fields } = draft;
  const form = useForm({
    validate: () =>
      complaints({
        name: length(t, fields.name, can.name.maximum_length),
        address: address(t, fields.address),
        protocol_port: integer(t, fields.protocol_port, protocol_port),
        weight: integer(t, fields.weight, weight),
      }),
    send: async () => {
      const { name, admin_state_up } = fields;
      const open = { name: name.trim(), weight: Number(fields.weight), admin_state_up };
      const place = { address: fields.address.trim(), protocol_port: Number(fields.protocol_port) };
      const saved = base ? await members.update(base, open) : await members.create({ ...open, ...place });
      announce((member ? t.member.saved : t.member.added)(memberName(saved)));
      onChanged();
      onClose();
    },
    onChanged: reload,
  });
  return (
    <Dialog title={member ? t.member.edit(memberName(member)) : t.member.add} onClose={onClose}>
      <Form form={form}>
        <TextField {...bind("name")} label={t.field.name} />
        {!member && (
          <div class="fields">
            <TextField {...bind("address")} label={t.field.address} />
            <NumberField {...bind("protocol_port")} label={t.field.port} />
          </div>
        )}
        <NumberField
          {...bind("weight")}
          label={t.field.weight}
          hint={t.member.weightHint(weight.minimum, weight.maximum)}
        />
        <SwitchField {...bind("admin_state_up")} label={t.field.enabled} />
        <Submit form={form} label={member ? t.do.ok : t.member.add} onCancel={onClose} />
      </Form>
    </Dialog>
  );
}
