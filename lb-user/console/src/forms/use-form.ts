import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";

import { asApiError } from "../api/http";
import { useText } from "../i18n";
import { useProblem } from "../i18n/problem";

/** What is wrong, by the names of the fields, which are their paths in what the API is sent. */
export type Errors = Record<string, ComponentChildren>;

/** A failure that is explained already, in the language of the page. */
export class Explained extends Error {}

/** The control of a name; of several ones the first. */
export function controlOf(form: HTMLFormElement | null, name: string): HTMLElement | null {
  return form?.querySelector<HTMLElement>(`[name="${CSS.escape(name)}"]`) ?? null;
}

/** The name of the control that is closest to the path of a field: of some, only what they are part of has one. */
function closest(form: HTMLFormElement | null, path: string | null): string | null {
  if (!path || controlOf(form, path)) return path;
  return closest(form, path.slice(0, Math.max(0, path.lastIndexOf("."))));
}

export interface FormState {
  errors: Errors;
  /** What is wrong with no field in particular. */
  problem: ComponentChildren;
  isBusy: boolean;
  /** How often something was found wrong: each time the first wrong field is gone to, and not while they are being mended. */
  complaints: number;
  element: { current: HTMLFormElement | null };
  /** Whether something has been entered that is not sent yet. */
  changed: { current: boolean };
  submit(event: Event): void;
  /** Shows errors without sending anything. */
  show(errors: Errors): void;
  /** A field that is being changed is no longer wrong. */
  clear(name: string): void;
}

interface Options {
  validate?: () => Errors;
  send(): Promise<void>;
  /** Called where somebody else has changed what is being changed. */
  onChanged?: () => Promise<void>;
}

export function useForm({ validate, send, onChanged }: Options): FormState {
  const t = useText();
  const problem = useProblem();
  const element = useRef<HTMLFormElement | null>(null);
  const changed = useRef(false);
  const [errors, setErrors] = useState<Errors>({});
  const [told, setTold] = useState<ComponentChildren>(null);
  const [complaints, setComplaints] = useState(0);
  const [isBusy, setBusy] = useState(false);
  // A second click comes before the first one is shown.
  const sending = useRef(false);
  const isThere = useRef(true);
  useEffect(() => () => void (isThere.current = false), []);
  useEffect(() => {
    const wrong = element.current?.querySelector<HTMLElement>('[aria-invalid="true"]');
    (wrong?.querySelector<HTMLElement>("input") ?? wrong)?.focus();
  }, [complaints]);

  const complain = (wrong: Errors, about: ComponentChildren) => {
    setErrors(wrong);
    setTold(about);
    setComplaints((count) => count + 1);
  };
  const show = (wrong: Errors) => complain(wrong, Object.keys(wrong).length > 0 ? t.wrong.check : null);

  const fail = async (failure: unknown) => {
    if (failure instanceof Explained) return complain({}, failure.message);
    let error = asApiError(failure);
    if (error.status === 412) {
      await onChanged?.().catch((further: unknown) => {
        error = asApiError(further);
      });
    }
    const field = closest(element.current, error.field);
    if (field) complain({ [field]: problem.ofField(error) }, t.wrong.check);
    else complain({}, problem.of(error));
  };

  const submit = async () => {
    if (sending.current) return;
    const wrong = validate?.() ?? {};
    show(wrong);
    if (Object.keys(wrong).length > 0) return;
    sending.current = true;
    setBusy(true);
    try {
      await send();
      changed.current = false;
    } catch (failure) {
      if (isThere.current) await fail(failure);
    } finally {
      sending.current = false;
      if (isThere.current) setBusy(false);
    }
  };

  return {
    errors,
    problem: told,
    isBusy,
    complaints,
    element,
    changed,
    submit: (event) => {
      event.preventDefault();
      void submit();
    },
    show,
    clear: (name) => {
      if (name in errors) setErrors(({ [name]: _, ...others }) => others);
    },
  };
}
