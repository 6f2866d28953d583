import { useEffect, useRef, useState } from "preact/hooks";

import { useText } from "../i18n";
import { type Leaving, useGuard } from "../state/unsaved";
import { Dialog } from "../ui/dialog";
import type { FormState } from "./use-form";

/** Asks before what has been entered in a form is thrown away, whichever way that is left. */
export function Unsaved({ form: { changed } }: { form: FormState }) {
  const t = useText().unsaved;
  const [leaving, setLeaving] = useState<Leaving | null>(null);
  const pending = useRef<Leaving | null>(null);
  const ask = (about: Leaving | null) => {
    pending.current = about;
    setLeaving(about);
  };
  useGuard(changed, ask);
  // The form may have been sent and gone meanwhile: then there is nothing to lose any more.
  useEffect(() => () => pending.current?.go(), []);
  if (!leaving) return null;
  const stay = () => {
    ask(null);
    leaving.stay();
  };
  const discard = () => {
    changed.current = false;
    ask(null);
    leaving.go();
  };
  // No form of its own, since it is within one.
  return (
    <Dialog title={t.title} role="alertdialog" onClose={stay}>
      <p>{t.consequence}</p>
      <div class="form-actions">
        <button type="button" onClick={stay}>
          {t.keep}
        </button>
        <button type="button" class="danger" onClick={discard}>
          {t.discard}
        </button>
      </div>
    </Dialog>
  );
}
