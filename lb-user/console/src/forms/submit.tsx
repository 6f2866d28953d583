import { useText } from "../i18n";
import type { FormState } from "./use-form";

/** How a form ends. */
export function Submit(props: { form: FormState; label: string; onCancel(): void }) {
  const t = useText();
  return (
    <div class="form-actions">
      <button type="button" onClick={props.onCancel}>
        {t.do.cancel}
      </button>
      <button type="submit" class="primary" disabled={props.form.isBusy}>
        {props.label}
      </button>
    </div>
  );
}
