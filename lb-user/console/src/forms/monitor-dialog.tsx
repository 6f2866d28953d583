import { healthMonitors } from "../api/objects";
import type { Capabilities, HealthMonitor, Pool } from "../api/types";
import { useText } from "../i18n";
import { announce } from "../state/announcements";
import { Dialog } from "../ui/dialog";
import { complaints } from "./check";
import { useEdited } from "./draft";
import { Form } from "./form";
import { checkMonitor, monitorBody, monitorFields, newMonitorBody } from "./monitor";
import { MonitorFields } from "./monitor-fields";
import { Submit } from "./submit";
import { useForm } from "./use-form";

interface Props {
  can: Capabilities;
  pool: Pool;
  monitor: HealthMonitor | null;
  onClose(): void;
  onChanged(): void;
}

/** Makes a health check, or changes one. */
export function MonitorDialog({ can, pool, monitor, onClose, onChanged }: Props) {
  const t = useText();
  const { base, draft, reload } = useEdited(healthMonitors, monitor, (from) => monitorFields(can, pool.protocol, from));
  const form = useForm({
    validate: () => complaints(checkMonitor(t, can, draft.fields)),
    send: async () => {
      if (base) await healthMonitors.update(base, monitorBody(can, draft.fields));
      else await healthMonitors.create({ ...newMonitorBody(can, draft.fields), pool_id: pool.id });
      announce(t.health.saved);
      onChanged();
      onClose();
    },
    onChanged: reload,
  });
  return (
    <Dialog title={monitor ? t.health.edit : t.health.add} onClose={onClose}>
      <Form form={form}>
        <MonitorFields can={can} poolProtocol={pool.protocol} draft={draft} isTypeFixed={monitor !== null} />
        <Submit form={form} label={t.do.ok} onCancel={onClose} />
      </Form>
    </Dialog>
  );
}
