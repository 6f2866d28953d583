import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";

import { useText } from "../i18n";
import { leave } from "../state/unsaved";
import { Form } from "./form";
import { Unsaved } from "./unsaved";
import { controlOf, type Errors, useForm } from "./use-form";

export interface Step {
  title: string;
  validate?: () => Errors;
  content: ComponentChildren;
}

interface Props {
  label: string;
  steps: Step[];
  /** What the last step does. */
  action: string;
  send(): Promise<void>;
  onCancel(): void;
}

/** A form in steps. All of them stay in the form, so that an error of the daemon finds its field. */
export function Wizard({ label, steps, action, send, onCancel }: Props) {
  const t = useText();
  const [at, setAt] = useState(0);
  const heading = useRef<HTMLHeadingElement>(null);
  const isLast = at === steps.length - 1;
  const form = useForm({
    validate: () => Object.assign({}, ...steps.map((step) => step.validate?.() ?? {})) as Errors,
    send,
  });

  const show = (step: number) => {
    setAt(step);
    // The heading is that of the next step only once that is drawn.
    setTimeout(() => heading.current?.focus());
  };
  const next = () => {
    const errors = steps[at]?.validate?.() ?? {};
    form.show(errors);
    if (Object.keys(errors).length === 0) show(at + 1);
  };

  // Wherever a wrong field is, it comes into view.
  useEffect(() => {
    const [wrong] = Object.keys(form.errors);
    if (wrong === undefined) return;
    const control = controlOf(form.element.current, wrong);
    const section = control?.closest("[data-step]");
    if (!section) return;
    setAt(Number(section.getAttribute("data-step")));
    setTimeout(() => control?.focus());
  }, [form.complaints]);

  const submit = (event: Event) => {
    event.preventDefault();
    // Enter in a field of an earlier step goes on; only the last step sends.
    if (isLast) form.submit(event);
    else next();
  };

  return (
    <div class="wizard">
      <ol class="steps">
        {steps.map(({ title }, index) => (
          <li key={title} aria-current={index === at ? "step" : undefined} class={index < at ? "done" : undefined}>
            {title}
          </li>
        ))}
      </ol>
      <Form form={{ ...form, submit }} label={label}>
        {steps.map(({ title, content }, index) => (
          <section key={title} data-step={index} hidden={index !== at} class="card">
            <h2 ref={index === at ? heading : null} tabIndex={-1}>
              {title}
            </h2>
            {content}
          </section>
        ))}
        <div class="form-actions">
          <Unsaved form={form} />
          <button type="button" onClick={() => leave(onCancel)}>
            {t.do.cancel}
          </button>
          {at > 0 && (
            <button type="button" onClick={() => show(at - 1)}>
              {t.do.back}
            </button>
          )}
          <button
            type="submit"
            class="primary"
            disabled={form.isBusy}
            // The second click of a double one would send what nobody has reviewed.
            onClick={(event) => event.detail > 1 && event.preventDefault()}
          >
            {isLast ? action : t.do.next}
          </button>
        </div>
      </Form>
    </div>
  );
}

/** What a step has come to, before it is made. */
export function Review({ rows }: { rows: [string, ComponentChildren][] }) {
  return (
    <dl class="details">
      {rows.map(([label, value]) => (
        <div key={label}>
          <dt>{label}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
