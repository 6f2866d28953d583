import { useId, useState } from "preact/hooks";

import { healthMonitors } from "../api/objects";
import type { Capabilities, Pool } from "../api/types";
import { MonitorDialog } from "../forms/monitor-dialog";
import { Review } from "../forms/wizard";
import { useText } from "../i18n";
import { useWhyFixed } from "../state/declared";
import { useMayChange } from "../state/session";
import { useResource } from "../state/use-resource";
import { Action } from "../ui/action";
import { Changes } from "../ui/changes";
import { Loaded } from "../ui/loaded";
import { Remove } from "../ui/remove";

interface Props {
  can: Capabilities;
  pool: Pool;
  onChanged(): void;
}

/** The health check of a backend server group. */
export function HealthSection({ can, pool, onChanged }: Props) {
  const t = useText();
  const heading = useId();
  const mayChange = useMayChange();
  const why = useWhyFixed()(pool);
  const [dialog, setDialog] = useState<"edit" | "remove" | null>(null);
  const close = () => setDialog(null);
  const monitor = useResource(
    `monitor ${pool.id} ${pool.healthmonitor_id ?? ""}`,
    async (signal) => ({
      found: pool.healthmonitor_id ? await healthMonitors.get(pool.healthmonitor_id, signal) : null,
    }),
    // That it is gone is for the group to say.
    { isConcerned: ({ event, id }) => event === "changed" && id === pool.healthmonitor_id },
  );
  const changed = () => {
    monitor.reload();
    onChanged();
  };
  return (
    <section class="card" aria-labelledby={heading}>
      <Loaded resource={monitor}>
        {({ found }) => (
          <>
            <div class="card-header">
              <h2 id={heading}>{t.health.title}</h2>
              {found && (
                <div class="page-actions">
                  <Changes
                    look="icon-only"
                    why={why}
                    edit={{ name: t.health.edit, onClick: () => setDialog("edit") }}
                    remove={{ name: t.health.remove, onClick: () => setDialog("remove") }}
                  />
                </div>
              )}
              {mayChange && !found && (
                <Action icon="plus" label={t.health.add} why={why} onClick={() => setDialog("edit")} />
              )}
            </div>
            {found ? (
              <Review
                rows={[
                  [t.health.type, found.type],
                  [t.health.delay, found.delay],
                  [t.health.timeout, found.timeout],
                  [t.health.maxRetries, found.max_retries],
                  [t.health.maxRetriesDown, found.max_retries_down],
                  ...(found.url_path
                    ? ([
                        [t.health.path, <code>{`${found.http_method ?? ""} ${found.url_path}`}</code>],
                        [t.health.codes, found.expected_codes],
                      ] as [string, string][])
                    : []),
                ]}
              />
            ) : (
              <p class="hint">{t.health.none}</p>
            )}
            {dialog === "edit" && (
              <MonitorDialog can={can} pool={pool} monitor={found} onClose={close} onChanged={changed} />
            )}
            {dialog === "remove" && found && (
              <Remove
                kind={healthMonitors}
                object={found}
                action={t.health.remove}
                consequence={t.health.removeAsk}
                done={t.health.removed}
                onRemoved={onChanged}
                onClose={close}
              />
            )}
          </>
        )}
      </Loaded>
    </section>
  );
}
