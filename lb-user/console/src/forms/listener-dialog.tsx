import { listeners } from "../api/objects";
import type { Capabilities, Listener, Pool } from "../api/types";
import { useText } from "../i18n";
import { announce } from "../state/announcements";
import { poolsFor } from "../state/capabilities";
import { Dialog } from "../ui/dialog";
import { listenerName, nameOf } from "../ui/name";
import { complaints, length, required } from "./check";
import { useEdited } from "./draft";
import { Form, SelectField, SwitchField, TextField } from "./form";
import { Submit } from "./submit";
import { useForm } from "./use-form";

interface Props {
  can: Capabilities;
  listener: Listener;
  pools: Pool[];
  onClose(): void;
  onChanged(): void;
}

/** Changes what can be changed of a listener; its protocol and port stay. */
export function ListenerDialog({ can, listener, pools, onClose, onChanged }: Props) {
  const t = useText();
  const { base, draft, reload } = useEdited(listeners, listener, (from) => ({
    name: from?.name ?? "",
    default_pool_id: from?.default_pool_id ?? "",
    default_tls_container_ref: from?.default_tls_container_ref ?? "",
    admin_state_up: from?.admin_state_up ?? true,
  }));
  const { bind, fields } = draft;
  const hasCertificate = can.listener_protocols.find(({ name }) => name === listener.protocol)?.certificate ?? false;
  const form = useForm({
    validate: () =>
      complaints({
        name: length(t, fields.name, can.name.maximum_length),
        default_tls_container_ref: hasCertificate ? required(t, fields.default_tls_container_ref) : null,
      }),
    send: async () => {
      const saved = await listeners.update(base ?? listener, {
        name: fields.name.trim(),
        default_pool_id: fields.default_pool_id || null,
        admin_state_up: fields.admin_state_up,
        ...(hasCertificate && { default_tls_container_ref: fields.default_tls_container_ref.trim() }),
      });
      announce(t.listener.saved(listenerName(saved)));
      onChanged();
      onClose();
    },
    onChanged: reload,
  });
  const choices = poolsFor(can, listener.protocol, pools).map((pool) => ({ value: pool.id, label: nameOf(pool) }));
  return (
    <Dialog title={t.listener.edit(listenerName(listener))} onClose={onClose}>
      <Form form={form}>
        <TextField {...bind("name")} label={t.field.name} />
        <SelectField
          {...bind("default_pool_id")}
          label={t.listener.defaultPool}
          options={[{ value: "", label: t.listener.noPool }, ...choices]}
        />
        {hasCertificate && (
          <TextField
            {...bind("default_tls_container_ref")}
            label={t.listener.certificate}
            hint={t.listener.certificateHint}
          />
        )}
        <SwitchField {...bind("admin_state_up")} label={t.field.enabled} />
        <Submit form={form} label={t.do.ok} onCancel={onClose} />
      </Form>
    </Dialog>
  );
}
