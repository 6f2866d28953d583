import type { Capabilities } from "../api/types";
import { useText, word } from "../i18n";
import { protocolName } from "../i18n/format";
import type { Draft } from "./draft";
import { SelectField, TextField } from "./form";
import { forProtocol } from "./persistence";
import { PersistenceFields } from "./persistence-fields";
import type { PoolFields as Fields } from "./pool";

interface Props {
  can: Capabilities;
  draft: Draft<Fields>;
  /** What there is to choose from; one that is there already keeps its own. */
  protocols?: string[];
  has?: string | undefined;
  /** Whether it is made as a part of something else, which has a name and a protocol too. */
  isPart?: boolean;
}

/** The fields of a backend server group, wherever one is made or changed. */
export function PoolFields({ can, draft, protocols = [], has, isPart = false }: Props) {
  const t = useText();
  const { bind, set, fields } = draft;
  return (
    <>
      <TextField {...bind("name")} label={isPart ? t.pool.name : t.field.name} isFirst={!isPart} />
      {protocols.length > 1 && (
        <SelectField
          {...bind("protocol")}
          label={isPart ? t.pool.protocol : t.field.protocol}
          options={protocols.map((name) => ({ value: name, label: protocolName(name) }))}
          onChange={(protocol) => set({ ...forProtocol(can, protocol, fields), protocol })}
        />
      )}
      <SelectField
        {...bind("lb_algorithm")}
        label={t.field.algorithm}
        options={can.lb_algorithms.map(({ name }) => ({ value: name, label: word(t.algorithm, name) }))}
      />
      <PersistenceFields can={can} draft={draft} has={has} />
    </>
  );
}
