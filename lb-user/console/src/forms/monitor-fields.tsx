import type { Capabilities } from "../api/types";
import { useText } from "../i18n";
import type { Draft } from "./draft";
import { NumberField, SelectField, TextField } from "./form";
import { isRequest, METHODS, type MonitorFields as Fields, monitorTypes } from "./monitor";

interface Props {
  can: Capabilities;
  poolProtocol: string;
  draft: Draft<Fields>;
  /** The type of one that is there stays what it is. */
  isTypeFixed?: boolean;
}

/** The fields of a health check, wherever one is made or changed. */
export function MonitorFields({ can, poolProtocol, draft, isTypeFixed }: Props) {
  const t = useText().health;
  const { bind, fields } = draft;
  const types = monitorTypes(can, poolProtocol).map(({ name }) => ({ value: name, label: name }));
  const methods = [...new Set([...METHODS, fields.http_method])].map((method) => ({ value: method, label: method }));
  return (
    <>
      {!isTypeFixed && <SelectField {...bind("type")} label={t.type} options={types} />}
      <div class="fields">
        <NumberField {...bind("delay")} label={t.delay} />
        <NumberField {...bind("timeout")} label={t.timeout} />
        <NumberField {...bind("max_retries")} label={t.maxRetries} />
        <NumberField {...bind("max_retries_down")} label={t.maxRetriesDown} />
      </div>
      {isRequest(can, fields.type) && (
        <div class="fields">
          <SelectField {...bind("http_method")} label={t.method} options={methods} />
          <TextField {...bind("url_path")} label={t.path} />
          <TextField {...bind("expected_codes")} label={t.codes} />
        </div>
      )}
    </>
  );
}
