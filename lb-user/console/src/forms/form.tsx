import { type ComponentChildren, createContext } from "preact";
import { useContext, useId } from "preact/hooks";

import { Alert } from "../ui/loaded";
import type { FormState } from "./use-form";

const FormContext = createContext<Pick<FormState, "errors" | "clear">>({ errors: {}, clear: () => undefined });

export function Form(props: { form: FormState; label?: string; children: ComponentChildren }) {
  const { form } = props;
  return (
    <FormContext.Provider value={form}>
      <form ref={form.element} noValidate onSubmit={form.submit} aria-label={props.label} aria-busy={form.isBusy}>
        {form.problem && <Alert>{form.problem}</Alert>}
        {props.children}
      </form>
    </FormContext.Provider>
  );
}

interface FieldProps {
  name: string;
  label: string;
  hint?: ComponentChildren;
  isOptional?: string | undefined;
  children(control: {
    id: string;
    name: string;
    "aria-describedby": string | undefined;
    "aria-invalid": boolean;
    clear(): void;
  }): ComponentChildren;
}

/** A label, a control, a hint, and what is wrong with it, so that each knows of the others. */
function Field({ name, label, hint, children }: FieldProps) {
  const { errors, clear } = useContext(FormContext);
  const id = useId();
  const error = errors[name];
  const described = [hint && `${id}-hint`, error && `${id}-error`].filter(Boolean).join(" ");
  return (
    <div class="field">
      <label for={id}>{label}</label>
      {children({
        id,
        name,
        "aria-describedby": described || undefined,
        "aria-invalid": error !== undefined,
        clear: () => clear(name),
      })}
      {error && (
        <p class="field-error" id={`${id}-error`}>
          {error}
        </p>
      )}
      {hint && (
        <p class="hint" id={`${id}-hint`}>
          {hint}
        </p>
      )}
    </div>
  );
}

interface Common {
  name: string;
  label: string;
  hint?: ComponentChildren;
  value: string;
  onChange(value: string): void;
}

interface TextProps extends Common {
  type?: "text" | "password";
  inputMode?: "numeric";
  autocomplete?: string;
  isDisabled?: boolean;
  isFirst?: boolean;
}

export function TextField({
  type = "text",
  inputMode,
  autocomplete = "off",
  isDisabled,
  isFirst,
  ...field
}: TextProps) {
  return (
    <Field name={field.name} label={field.label} hint={field.hint}>
      {({ clear, ...control }) => (
        <input
          {...control}
          type={type as "text"}
          inputMode={inputMode}
          autocomplete={autocomplete}
          autofocus={isFirst}
          spellcheck={false}
          disabled={isDisabled}
          value={field.value}
          onInput={(event) => {
            field.onChange(event.currentTarget.value);
            clear();
          }}
        />
      )}
    </Field>
  );
}

/** A whole number. It is kept as it is typed: what is not one is said, rather than lost. */
export function NumberField(props: Common) {
  return <TextField {...props} inputMode="numeric" />;
}

export function SelectField(props: Common & { options: { value: string; label: string }[] }) {
  return (
    <Field name={props.name} label={props.label} hint={props.hint}>
      {({ clear, ...control }) => (
        <select
          {...control}
          value={props.value}
          onChange={(event) => {
            props.onChange(event.currentTarget.value);
            clear();
          }}
        >
          {props.options.map(({ value, label }) => (
            <option key={value} value={value} selected={value === props.value}>
              {label}
            </option>
          ))}
        </select>
      )}
    </Field>
  );
}

interface CheckProps {
  name: string;
  label: string;
  hint?: ComponentChildren;
  isOn: boolean;
  isDisabled?: boolean;
  onChange(isOn: boolean): void;
}

/** Something that is on or off. */
export function SwitchField(props: CheckProps) {
  const id = useId();
  const { errors, clear } = useContext(FormContext);
  const error = errors[props.name];
  const described = [props.hint && `${id}-hint`, error && `${id}-error`].filter(Boolean).join(" ");
  return (
    <div class="field">
      <div class="switch">
        <input
          id={id}
          type="checkbox"
          role="switch"
          name={props.name}
          checked={props.isOn}
          disabled={props.isDisabled}
          aria-describedby={described || undefined}
          aria-invalid={error !== undefined}
          onChange={(event) => {
            props.onChange(event.currentTarget.checked);
            clear(props.name);
          }}
        />
        <label for={id}>{props.label}</label>
      </div>
      {error && (
        <p class="field-error" id={`${id}-error`}>
          {error}
        </p>
      )}
      {props.hint && (
        <p class="hint" id={`${id}-hint`}>
          {props.hint}
        </p>
      )}
    </div>
  );
}

interface ChoiceProps {
  name: string;
  label: string;
  value: string;
  choices: { value: string; label: string; hint?: string }[];
  onChange(value: string): void;
}

/** One of a few, each with what it means. */
export function ChoiceField(props: ChoiceProps) {
  const id = useId();
  const { errors, clear } = useContext(FormContext);
  const error = errors[props.name];
  return (
    <fieldset
      class="choice"
      role="radiogroup"
      aria-invalid={error !== undefined}
      aria-describedby={error && `${id}-error`}
    >
      <legend>{props.label}</legend>
      {props.choices.map(({ value, label, hint }) => (
        <div key={value} class="choice-option">
          <input
            id={`${id}-${value}`}
            type="radio"
            name={props.name}
            value={value}
            checked={value === props.value}
            aria-describedby={hint && `${id}-${value}-hint`}
            onChange={() => {
              props.onChange(value);
              clear(props.name);
            }}
          />
          <label for={`${id}-${value}`}>{label}</label>
          {hint && (
            <p class="hint" id={`${id}-${value}-hint`}>
              {hint}
            </p>
          )}
        </div>
      ))}
      {error && (
        <p class="field-error" id={`${id}-error`}>
          {error}
        </p>
      )}
    </fieldset>
  );
}
