import { useEffect, useRef, useState } from "preact/hooks";

import { ApiError } from "../api/http";
import { useText } from "../i18n";
import { useProblem } from "../i18n/problem";
import { asApiError } from "../state/use-resource";

/** What is wrong, by the names of the fields, which are those of the API. */
export type Errors = Record<string, string>;

export interface FormState {
  errors: Errors;
  /** What is wrong with no field in particular. */
  problem: string | null;
  isBusy: boolean;
  element: { current: HTMLFormElement | null };
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
  const problemOf = useProblem();
  const element = useRef<HTMLFormElement | null>(null);
  const [errors, setErrors] = useState<Errors>({});
  const [problem, setProblem] = useState<string | null>(null);
  const [isBusy, setBusy] = useState(false);
  // A second click comes before the first one is shown.
  const sending = useRef(false);
  const isThere = useRef(true);
  useEffect(() => () => void (isThere.current = false), []);
  useEffect(() => {
    element.current?.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus();
  }, [errors]);

  const show = (wrong: Errors) => {
    setErrors(wrong);
    setProblem(Object.keys(wrong).length > 0 ? t.wrong.check : null);
  };

  const fail = (failure: unknown) => {
    const error = asApiError(failure);
    if (error.status === 412) void onChanged?.().catch(() => undefined);
    const field = error.field && element.current?.elements.namedItem(error.field) ? error.field : null;
    setErrors(field ? { [field]: error.message } : {});
    setProblem(field ? t.wrong.check : problemOf(error));
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
    } catch (failure) {
      if (isThere.current) fail(failure);
    } finally {
      sending.current = false;
      if (isThere.current) setBusy(false);
    }
  };

  return {
    errors,
    problem,
    isBusy,
    element,
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

/** Several objects are made from one form: the fields of each have a prefix there. */
export async function asPart<T>(prefix: string, made: Promise<T>): Promise<T> {
  try {
    return await made;
  } catch (failure) {
    if (!(failure instanceof ApiError) || failure.field === null) throw failure;
    throw new ApiError(failure.status, failure.message, prefix + failure.field, failure.retryAfterS);
  }
}
