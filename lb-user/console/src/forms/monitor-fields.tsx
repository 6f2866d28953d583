import { healthMonitors } from "../api/objects";
import type { Capabilities, HealthMonitor, Pool } from "../api/types";
import { useText } from "../i18n";
import { announce } from "../state/announcements";
import { Dialog } from "../ui/dialog";
import { complaints } from "./check";
import { Form, NumberField, SelectField, TextField } from "./form";
import {
  checkMonitor,
  METHODS,
  type MonitorDraft,
  monitorBody,
  monitorDraft,
  monitorTypes,
  newMonitorBody,
} from "./monitor";
import { Submit } from "./submit";
import { useEdited } from "./use-edited";
import { useForm } from "./use-form";

interface Props {
  can: Capabilities;
  poolProtocol: string;
  draft: MonitorDraft;
  /** The type of one that is there stays what it is. */
  isTypeFixed?: boolean;
  prefix?: string;
  onChange(draft: MonitorDraft): void;
}

export function MonitorFields({ can, poolProtocol, draft, isTypeFixed, prefix = "", onChange }: Props) {
  const t = useText().health;
  const types = monitorTypes(can, poolProtocol);
  const set = (change: Partial<MonitorDraft>) => onChange({ ...draft, ...change });
  const isRequest = can.health_monitor_types.find(({ name }) => name === draft.type)?.request;
  return (
    <>
      {!isTypeFixed && (
        <SelectField
          name={`${prefix}type`}
          label={t.type}
          value={draft.type}
          options={types.map(({ name }) => ({ value: name, label: name }))}
          onChange={(type) => set({ type })}
        />
      )}
      <div class="fields">
        <NumberField name={`${prefix}delay`} label={t.delay} value={draft.delay} onChange={(delay) => set({ delay })} />
        <NumberField
          name={`${prefix}timeout`}
          label={t.timeout}
          value={draft.timeout}
          onChange={(timeout) => set({ timeout })}
        />
        <NumberField
          name={`${prefix}max_retries`}
          label={t.maxRetries}
          value={draft.maxRetries}
          onChange={(maxRetries) => set({ maxRetries })}
        />
        <NumberField
          name={`${prefix}max_retries_down`}
          label={t.maxRetriesDown}
          value={draft.maxRetriesDown}
          onChange={(maxRetriesDown) => set({ maxRetriesDown })}
        />
      </div>
      {isRequest && (
        <div class="fields">
          <SelectField
            name={`${prefix}http_method`}
            label={t.method}
            value={draft.method}
            options={[...new Set([...METHODS, draft.method])].map((method) => ({ value: method, label: method }))}
            onChange={(method) => set({ method })}
          />
          <TextField name={`${prefix}url_path`} label={t.path} value={draft.path} onChange={(path) => set({ path })} />
          <TextField
            name={`${prefix}expected_codes`}
            label={t.codes}
            value={draft.codes}
            onChange={(codes) => set({ codes })}
          />
        </div>
      )}
    </>
  );
}

interface DialogProps {
  can: Capabilities;
  pool: Pool;
  monitor: HealthMonitor | null;
  onClose(): void;
  onChanged(): void;
}

/** Makes a health check, or changes one. */
export function MonitorDialog({ can, pool, monitor, onClose, onChanged }: DialogProps) {
  const t = useText();
  const { base, draft, setDraft, reload } = useEdited(healthMonitors, monitor, (from) =>
    monitorDraft(can, pool.protocol, from),
  );
  const form = useForm({
    validate: () => complaints(checkMonitor(t, can, draft)),
    send: async () => {
      if (base) await healthMonitors.update(base, monitorBody(can, draft));
      else await healthMonitors.create(newMonitorBody(can, draft, pool.id));
      announce(t.health.saved);
      onChanged();
      onClose();
    },
    onChanged: reload,
  });
  return (
    <Dialog title={monitor ? t.health.edit : t.health.add} onClose={onClose}>
      <Form form={form}>
        <MonitorFields
          can={can}
          poolProtocol={pool.protocol}
          draft={draft}
          isTypeFixed={monitor !== null}
          onChange={setDraft}
        />
        <Submit form={form} label={t.do.ok} onCancel={onClose} />
      </Form>
    </Dialog>
  );
}
