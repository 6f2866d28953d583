import { pools } from "../api/objects";
import type { Capabilities, Pool } from "../api/types";
import { useText } from "../i18n";
import { announce } from "../state/announcements";
import { useCapabilities } from "../state/capabilities";
import { Dialog } from "../ui/dialog";
import { Loaded } from "../ui/loaded";
import { nameOf } from "../ui/name";
import { complaints } from "./check";
import { useEdited } from "./draft";
import { Form } from "./form";
import { checkPool, poolBody, poolFields } from "./pool";
import { PoolFields } from "./pool-fields";
import { Submit } from "./submit";
import { useForm } from "./use-form";

interface Props {
  loadBalancerId: string;
  pool: Pool;
  onClose(): void;
  onSaved(): void;
}

/** What the gear of a backend server group opens. */
export function PoolSettings(props: Props) {
  const t = useText();
  const can = useCapabilities(props.loadBalancerId);
  return (
    <Dialog title={t.pool.settingsTitle(nameOf(props.pool))} onClose={props.onClose}>
      <Loaded resource={can}>{(known) => <Settings {...props} can={known} />}</Loaded>
    </Dialog>
  );
}

function Settings({ can, pool, onClose, onSaved }: Props & { can: Capabilities }) {
  const t = useText();
  const { base, draft, reload } = useEdited(pools, pool, (from) => poolFields(can, pool.protocol, from));
  const before = base ?? pool;
  const form = useForm({
    validate: () => complaints(checkPool(t, can, draft.fields, before)),
    send: async () => {
      const saved = await pools.update(before, poolBody(can, draft.fields, before));
      announce(t.pool.saved(nameOf(saved)));
      onSaved();
      onClose();
    },
    onChanged: reload,
  });
  return (
    <Form form={form}>
      <PoolFields can={can} draft={draft} has={before.session_persistence?.type} />
      <Submit form={form} label={t.do.ok} onCancel={onClose} />
    </Form>
  );
}
