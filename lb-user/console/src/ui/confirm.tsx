import { Form } from "../forms/form";
import { useForm } from "../forms/use-form";
import { useText } from "../i18n";
import { Dialog } from "./dialog";

interface Props {
  /** What is going to be done, and to what: title and button at once. */
  action: string;
  consequence: string;
  /** Whether it can be taken back. */
  isGentle?: boolean;
  confirm(): Promise<void>;
  /** Called where somebody else has changed it meanwhile. */
  onChanged?: () => Promise<void>;
  onClose(): void;
}

/** Asks before something that clients would feel. */
export function Confirm(props: Props) {
  const t = useText();
  const form = useForm({
    send: async () => {
      await props.confirm();
      props.onClose();
    },
    ...(props.onChanged && { onChanged: props.onChanged }),
  });
  return (
    <Dialog title={props.action} role="alertdialog" onClose={() => form.isBusy || props.onClose()}>
      <Form form={form}>
        <p>{props.consequence}</p>
        <div class="form-actions">
          <button type="button" onClick={props.onClose}>
            {t.do.cancel}
          </button>
          <button type="submit" class={props.isGentle ? "primary" : "danger"} disabled={form.isBusy}>
            <span class="clamped">{props.action}</span>
          </button>
        </div>
      </Form>
    </Dialog>
  );
}
