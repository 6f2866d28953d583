import { listeners } from "../api/objects";
import type { Capabilities, Listener, Pool } from "../api/types";
import { useText } from "../i18n";
import { announce } from "../state/announcements";
import { poolsFor } from "../state/capabilities";
import { Dialog } from "../ui/dialog";
import { listenerName, nameOf } from "../ui/name";
import { complaints, length, required } from "./check";
import { Form, SelectField, SwitchField, TextField } from "./form";
import { Submit } from "./submit";
import { useEdited } from "./use-edited";
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
  const { base, draft, set, reload } = useEdited(listeners, listener, (from) => ({
    name: from?.name ?? "",
    pool: from?.default_pool_id ?? "",
    certificate: from?.default_tls_container_ref ?? "",
    isEnabled: from?.admin_state_up ?? true,
  }));
  const hasCertificate = can.listener_protocols.find(({ name }) => name === listener.protocol)?.certificate ?? false;
  const form = useForm({
    validate: () =>
      complaints({
        name: length(t, draft.name, can.name.maximum_length),
        default_tls_container_ref: hasCertificate ? required(t, draft.certificate) : null,
      }),
    send: async () => {
      const saved = await listeners.update(base ?? listener, {
        name: draft.name.trim(),
        default_pool_id: draft.pool || null,
        admin_state_up: draft.isEnabled,
        ...(hasCertificate && { default_tls_container_ref: draft.certificate.trim() }),
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
        <TextField name="name" label={t.field.name} value={draft.name} onChange={(name) => set({ name })} />
        <SelectField
          name="default_pool_id"
          label={t.listener.defaultPool}
          value={draft.pool}
          options={[{ value: "", label: t.listener.noPool }, ...choices]}
          onChange={(pool) => set({ pool })}
        />
        {hasCertificate && (
          <TextField
            name="default_tls_container_ref"
            label={t.listener.certificate}
            hint={t.listener.certificateHint}
            value={draft.certificate}
            onChange={(certificate) => set({ certificate })}
          />
        )}
        <SwitchField
          name="admin_state_up"
          label={t.field.enabled}
          isOn={draft.isEnabled}
          onChange={(isEnabled) => set({ isEnabled })}
        />
        <Submit form={form} label={t.do.ok} onCancel={onClose} />
      </Form>
    </Dialog>
  );
}
