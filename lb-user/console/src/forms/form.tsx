import { type ComponentChildren, createContext } from "preact";
import { useContext, useId } from "preact/hooks";

import { useText } from "../i18n";
import { Action } from "../ui/action";
import type { IconName } from "../ui/icons";
import { Alert } from "../ui/loaded";
import type { Bound } from "./draft";
import type { FormState } from "./use-form";

const FormContext = createContext<Pick<FormState, "errors" | "clear" | "changed">>({
  errors: {},
  clear: () => undefined,
  changed: { current: false },
});

export function Form(props: { form: FormState; label?: string; children: ComponentChildren }) {
  const { form } = props;
  return (
    <FormContext.Provider value={form}>
      <form
        ref={form.element}
        noValidate
        onSubmit={form.submit}
        onInput={() => (form.changed.current = true)}
        aria-label={props.label}
        aria-busy={form.isBusy}
      >
        {form.problem && <Alert>{form.problem}</Alert>}
        {props.children}
      </form>
    </FormContext.Provider>
  );
}

/** A button that changes what is entered, as typing does. */
export function Change(props: { icon: IconName; label: string; look?: "icon-only"; onClick(): void }) {
  const { changed } = useContext(FormContext);
  const change = () => {
    changed.current = true;
    props.onClick();
  };
  return <Action {...props} onClick={change} />;
}

interface Common<V> extends Bound<V> {
  label: string;
  hint?: ComponentChildren;
}

/** What is said below a control, and knows of it: what is wrong with it, what others have made of it, and what it means. */
function useNotes<V>({ name, hint, value, theirs, onChange }: Omit<Common<V>, "label">, shown: (value: V) => string) {
  const t = useText().theirs;
  const { errors, clear } = useContext(FormContext);
  const id = useId();
  const others = theirs === undefined ? null : theirs === value ? t.taken : t.other(shown(theirs));
  const notes = [
    { kind: "error", class: "field-error", said: errors[name] },
    { kind: "theirs", class: "field-theirs", said: others },
    { kind: "hint", class: "hint", said: hint },
  ].filter(({ said }) => said);
  return {
    control: {
      id,
      name,
      "aria-describedby": notes.map(({ kind }) => `${id}-${kind}`).join(" ") || undefined,
      "aria-invalid": errors[name] !== undefined,
    },
    change: (value: V) => {
      onChange(value);
      clear(name);
    },
    notes: notes.map(({ kind, class: look, said }) => (
      <p key={kind} class={look} id={`${id}-${kind}`}>
        {said}
      </p>
    )),
  };
}

interface TextProps extends Common<string> {
  type?: "text" | "password";
  inputMode?: "numeric";
  autocomplete?: string;
  isFirst?: boolean;
}

export function TextField({ type = "text", inputMode, autocomplete = "off", isFirst, ...field }: TextProps) {
  const { control, change, notes } = useNotes(field, (value) => value);
  return (
    <div class="field">
      <label for={control.id}>{field.label}</label>
      <input
        {...control}
        type={type as "text"}
        inputMode={inputMode}
        autocomplete={autocomplete}
        autofocus={isFirst}
        spellcheck={false}
        value={field.value}
        onInput={(event) => change(event.currentTarget.value)}
      />
      {notes}
    </div>
  );
}

/** A whole number. It is kept as it is typed: what is not one is said, rather than lost. */
export function NumberField(props: Common<string>) {
  return <TextField {...props} inputMode="numeric" />;
}

interface Option {
  value: string;
  label: string;
  hint?: string;
}

const labelIn = (options: Option[]) => (wanted: string) =>
  options.find(({ value }) => value === wanted)?.label ?? wanted;

export function SelectField(props: Common<string> & { options: Option[] }) {
  const { control, change, notes } = useNotes(props, labelIn(props.options));
  return (
    <div class="field">
      <label for={control.id}>{props.label}</label>
      <select {...control} value={props.value} onChange={(event) => change(event.currentTarget.value)}>
        {props.options.map(({ value, label }) => (
          <option key={value} value={value} selected={value === props.value}>
            {label}
          </option>
        ))}
      </select>
      {notes}
    </div>
  );
}

/** Something that is on or off. */
export function SwitchField(props: Common<boolean> & { isDisabled?: boolean }) {
  const t = useText().theirs;
  const { control, change, notes } = useNotes(props, (isOn) => (isOn ? t.on : t.off));
  return (
    <div class="field">
      <div class="switch">
        <input
          {...control}
          type="checkbox"
          role="switch"
          checked={props.value}
          disabled={props.isDisabled}
          onChange={(event) => change(event.currentTarget.checked)}
        />
        <label for={control.id}>{props.label}</label>
      </div>
      {notes}
    </div>
  );
}

/** One of a few, each with what it means. */
export function ChoiceField(props: Common<string> & { choices: Option[] }) {
  const { control, change, notes } = useNotes(props, labelIn(props.choices));
  const { id, name, ...said } = control;
  return (
    <fieldset class="choice" role="radiogroup" {...said}>
      <legend>{props.label}</legend>
      {props.choices.map(({ value, label, hint }) => (
        <div key={value} class="choice-option">
          <input
            id={`${id}-${value}`}
            type="radio"
            name={name}
            value={value}
            checked={value === props.value}
            aria-describedby={hint && `${id}-${value}-hint`}
            onChange={() => change(value)}
          />
          <label for={`${id}-${value}`}>{label}</label>
          {hint && (
            <p class="hint" id={`${id}-${value}-hint`}>
              {hint}
            </p>
          )}
        </div>
      ))}
      {notes}
    </fieldset>
  );
}
