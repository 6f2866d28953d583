import type { Capabilities } from "../api/types";
import { useText, word } from "../i18n";
import { Icon } from "../ui/icons";
import { ChoiceField, NumberField, SwitchField, TextField } from "./form";
import { availability, inMinutes, offers, type PersistenceDraft } from "./persistence";

interface Props {
  can: Capabilities;
  protocol: string;
  algorithm: string;
  /** The type that the pool has already. */
  has?: string | undefined;
  prefix: string;
  draft: PersistenceDraft;
  onChange(draft: PersistenceDraft): void;
}

/** Session persistence: whether, by what, and for how long; the same wherever a backend server group is made or changed. */
export function PersistenceFields({ can, protocol, algorithm, has, prefix, draft, onChange }: Props) {
  const t = useText().persistence;
  const available = availability(can, protocol, algorithm);
  const isOn = draft.isOn && available === "offered";
  const types = offers(can, protocol, has);
  const chosen = types.find(({ type }) => type === draft.type);
  const why = { offered: t.hint, "source-ip": t.notWithSourceIp, "not-offered": t.notOffered }[available];
  const range = chosen && inMinutes(chosen.persistence_timeout);

  return (
    <div class="persistence">
      <SwitchField
        name={`${prefix}session_persistence`}
        label={t.title}
        hint={why}
        isOn={isOn}
        isDisabled={available !== "offered"}
        onChange={(on) => onChange({ ...draft, isOn: on })}
      />
      {isOn && chosen && range && (
        <div class="persistence-details">
          <ChoiceField
            name={`${prefix}type`}
            label={t.type}
            value={draft.type}
            choices={types.map(({ type, isForeign }) => ({
              value: type,
              label: word(t.types, type),
              hint: isForeign
                ? t.notOfferedType
                : `${word(t.explain, type)}${type === draft.type ? ` ${word(t.lost, type)}` : ""}`,
            }))}
            onChange={(type) => onChange({ ...draft, type })}
          />
          {chosen.cookie_name && (
            <TextField
              name={`${prefix}cookie_name`}
              label={t.cookieName}
              hint={t.cookieNameHint}
              value={draft.cookieName}
              onChange={(cookieName) => onChange({ ...draft, cookieName })}
            />
          )}
          <NumberField
            name={`${prefix}persistence_timeout`}
            label={t.duration}
            hint={t.durationHint(range.minimum, range.maximum, range.default)}
            value={draft.minutes}
            onChange={(minutes) => onChange({ ...draft, minutes })}
          />
        </div>
      )}
      <div class="advice" role="note">
        <Icon name="info" />
        <p>
          <strong>{t.adviceTitle}</strong> {t.advice}
        </p>
      </div>
    </div>
  );
}
