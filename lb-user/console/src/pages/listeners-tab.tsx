import { useState } from "preact/hooks";

import { listeners as listenersApi } from "../api/objects";
import type { Listener, LoadBalancer } from "../api/types";
import { ListenerDialog } from "../forms/listener-dialog";
import { useText } from "../i18n";
import { to } from "../router";
import { useBelow } from "../state/below";
import { useCapabilities } from "../state/capabilities";
import { useWhyFixed } from "../state/declared";
import { useMayChange } from "../state/session";
import { Action } from "../ui/action";
import { StateBadge } from "../ui/badge";
import { Changes } from "../ui/changes";
import { Loaded } from "../ui/loaded";
import { Door, listenerName, Name, nameOf } from "../ui/name";
import { Remove } from "../ui/remove";
import { Empty, Table } from "../ui/table";

export function ListenersTab({ loadBalancer }: { loadBalancer: LoadBalancer }) {
  const t = useText();
  const whyFixed = useWhyFixed();
  const can = useCapabilities(loadBalancer.id);
  const below = useBelow(loadBalancer);
  const [editing, setEditing] = useState<Listener | null>(null);
  const [removing, setRemoving] = useState<Listener | null>(null);
  return (
    <>
      <div class="toolbar">
        <AddListener loadBalancer={loadBalancer} />
      </div>
      <Loaded resource={below}>
        {({ listeners, pools }) =>
          listeners.length === 0 ? (
            <Empty title={t.listener.empty} hint={t.listener.emptyHint} />
          ) : (
            <div class="card flush">
              <Table
                caption={t.lb.tabs.listeners}
                items={listeners}
                keyOf={({ id }) => id}
                columns={[
                  { label: t.field.name, isHeader: true, cell: (listener) => <Name>{listenerName(listener)}</Name> },
                  {
                    label: `${t.field.protocol}:${t.field.port}`,
                    cell: (listener) => <Door listener={listener} />,
                  },
                  {
                    label: t.listener.defaultPool,
                    cell: (listener) => {
                      const pool = pools.find(({ id }) => id === listener.default_pool_id);
                      return pool ? <Name href={to.pool(loadBalancer.id, pool.id)}>{nameOf(pool)}</Name> : t.none;
                    },
                  },
                  {
                    label: t.operating.label,
                    cell: (listener) => <StateBadge of="operating" state={listener.operating_status} />,
                  },
                  {
                    label: t.provisioning.label,
                    cell: (listener) => <StateBadge of="provisioning" state={listener.provisioning_status} />,
                  },
                  {
                    label: t.do.actions,
                    isActions: true,
                    cell: (listener) => (
                      <Changes
                        look="icon-only"
                        why={whyFixed(listener)}
                        edit={{ name: t.listener.edit(listenerName(listener)), onClick: () => setEditing(listener) }}
                        remove={{ name: t.listener.remove(listenerName(listener)), onClick: () => setRemoving(listener) }}
                      />
                    ),
                  },
                ]}
              />
              {editing && can.data && (
                <ListenerDialog
                  can={can.data}
                  listener={editing}
                  pools={pools}
                  onClose={() => setEditing(null)}
                  onChanged={below.reload}
                />
              )}
            </div>
          )
        }
      </Loaded>
      {removing && (
        <Remove
          kind={listenersApi}
          object={removing}
          action={t.listener.remove(listenerName(removing))}
          consequence={t.listener.removeAsk}
          done={t.listener.removed(listenerName(removing))}
          onRemoved={below.reload}
          onClose={() => setRemoving(null)}
        />
      )}
    </>
  );
}

/** The way to another listener, for those who may add one. */
export function AddListener({ loadBalancer }: { loadBalancer: LoadBalancer }) {
  const t = useText();
  const mayChange = useMayChange();
  const why = useWhyFixed()(loadBalancer);
  return (
    mayChange && (
      <Action icon="plus" label={t.listener.add} look="primary" why={why} href={to.addListener(loadBalancer.id)} />
    )
  );
}
