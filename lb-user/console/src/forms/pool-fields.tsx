import type { Capabilities } from "../api/types";
import { useText, word } from "../i18n";
import { protocolName } from "../i18n/format";
import { SelectField, TextField } from "./form";
import { forProtocol } from "./persistence";
import { PersistenceFields } from "./persistence-fields";
import type { PoolDraft } from "./pool";

interface Props {
  can: Capabilities;
  draft: PoolDraft;
  /** What there is to choose from; one that is there already keeps its own. */
  protocols?: string[];
  has?: string | undefined;
  prefix?: string;
  onChange(draft: PoolDraft): void;
}

/** The fields of a backend server group, wherever one is made or changed. */
export function PoolFields({ can, draft, protocols = [], has, prefix = "", onChange }: Props) {
  const t = useText();
  return (
    <>
      <TextField
        name={`${prefix}name`}
        label={prefix ? t.pool.name : t.field.name}
        value={draft.name}
        isFirst={prefix === ""}
        onChange={(name) => onChange({ ...draft, name })}
      />
      {protocols.length > 1 && (
        <SelectField
          name={`${prefix}protocol`}
          label={prefix ? t.pool.protocol : t.field.protocol}
          value={draft.protocol}
          options={protocols.map((name) => ({ value: name, label: protocolName(name) }))}
          onChange={(protocol) =>
            onChange({ ...draft, protocol, persistence: forProtocol(can, protocol, draft.persistence) })
          }
        />
      )}
      <SelectField
        name={`${prefix}lb_algorithm`}
        label={t.field.algorithm}
        value={draft.algorithm}
        options={can.lb_algorithms.map(({ name }) => ({ value: name, label: word(t.algorithm, name) }))}
        onChange={(algorithm) => onChange({ ...draft, algorithm })}
      />
      <PersistenceFields
        can={can}
        protocol={draft.protocol}
        algorithm={draft.algorithm}
        has={has}
        prefix={prefix}
        draft={draft.persistence}
        onChange={(persistence) => onChange({ ...draft, persistence })}
      />
    </>
  );
}
