import type { Capabilities } from "../api/types";
import { useText, word } from "../i18n";
import { Icon } from "../ui/icons";
import type { Draft } from "./draft";
import { ChoiceField, NumberField, SwitchField, TextField } from "./form";
import { availability, inMinutes, lifetimes, offers } from "./persistence";
import type { PoolFields } from "./pool";

interface Props {
  can: Capabilities;
  draft: Draft<PoolFields>;
  /** The type that the pool has already. */
  has?: string | undefined;
}

/** Session persistence: whether, by what, and for how long; the same wherever a backend server group is made or changed. */
export function PersistenceFields({ can, draft, has }: Props) {
  const t = useText().persistence;
  const { bind, fields } = draft;
  const available = availability(can, fields.protocol, fields.lb_algorithm);
  const isOn = fields.session_persistence && available === "offered";
  const types = offers(can, fields.protocol, has);
  const type = fields["session_persistence.type"];
  const chosen = types.find((offer) => offer.type === type);
  const why = { offered: t.hint, "source-ip": t.notWithSourceIp, "not-offered": t.notOffered }[available];
  const range = chosen && inMinutes(chosen.persistence_timeout);
  // Whom this type does not suit. Where clients are known by their addresses, it may be what speaks against persistence at all.
  const advice = (isOn || type === "SOURCE_IP") && t.advice[type as keyof typeof t.advice];
  const choices = types.map(({ type: value, isForeign }) => ({
    value,
    label: word(t.types, value),
    hint: isForeign
      ? t.notOfferedType
      : [word(t.explain, value), ...(value === type ? [word(t.lost, value)] : [])].join(" "),
  }));

  return (
    <div class="box">
      <SwitchField
        {...bind("session_persistence")}
        label={t.title}
        hint={why}
        value={isOn}
        isDisabled={available !== "offered"}
      />
      {isOn && chosen && range && (
        <div class="box-details">
          <ChoiceField {...bind("session_persistence.type")} label={t.type} choices={choices} />
          {chosen.cookie_name && (
            <TextField {...bind("session_persistence.cookie_name")} label={t.cookieName} hint={t.cookieNameHint} />
          )}
          <NumberField
            {...bind("session_persistence.persistence_timeout")}
            label={t.duration}
            hint={t.durationHint(range.minimum, range.maximum, range.default)}
          />
          <NumberField
            {...bind("session_persistence.absolute_timeout")}
            label={t.lifetime}
            hint={t.lifetimeHint(lifetimes(chosen).maximum)}
          />
        </div>
      )}
      {advice && (
        <div class="advice" role="note">
          <Icon name="info" />
          <p>
            <strong>{advice.title}</strong> {advice.text}
          </p>
        </div>
      )}
    </div>
  );
}
