import { useText } from "../i18n";
import { leave } from "../state/unsaved";
import { Unsaved } from "./unsaved";
import type { FormState } from "./use-form";

/** How a form ends: what it says is sent, or it is left. */
export function Submit(props: { form: FormState; label: string; onCancel(): void }) {
  const t = useText();
  return (
    <div class="form-actions">
      <Unsaved form={props.form} />
      <button type="button" onClick={() => leave(props.onCancel)}>
        {t.do.cancel}
      </button>
      <button type="submit" class="primary" disabled={props.form.isBusy}>
        {props.label}
      </button>
    </div>
  );
}
