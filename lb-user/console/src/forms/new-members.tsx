import { useEffect, useId, useRef, useState } from "preact/hooks";

import type { Capabilities } from "../api/types";
import { useText } from "../i18n";
import { endpoint } from "../ui/name";
import { address, complaints, integer } from "./check";
import { Change, NumberField, TextField } from "./form";

interface Row {
  key: number;
  address: string;
  protocol_port: string;
}

const isEmpty = (row: Row) => row.address.trim() === "" && row.protocol_port.trim() === "";

/** The first backend servers of a group that is being made: where each is; all else of them can be said later. */
export function useNewMembers(can: Capabilities, prefix: string) {
  const t = useText();
  const title = useId();
  const [rows, setRows] = useState<Row[]>([]);
  const list = useRef<HTMLDivElement>(null);
  const lastKey = useRef(0);
  // Whoever adds one goes on there.
  useEffect(() => {
    const all = list.current?.querySelectorAll(".server") ?? [];
    all[all.length - 1]?.querySelector("input")?.focus();
  }, [lastKey.current]);

  const add = () => {
    const key = ++lastKey.current;
    // They mostly serve at the same port.
    setRows((before) => [...before, { key, address: "", protocol_port: before.at(-1)?.protocol_port ?? "" }]);
  };
  const set = (key: number, change: Partial<Row>) =>
    setRows((before) => before.map((row) => (row.key === key ? { ...row, ...change } : row)));
  const meant = rows.filter((row) => !isEmpty(row));
  const nameOf = (row: Row) => `${prefix}members.${meant.indexOf(row)}.`;

  return {
    fields: (
      <div class="box" role="group" aria-labelledby={title} ref={list}>
        <strong id={title}>{t.pool.members}</strong>
        {rows.map((row, index) => (
          <div key={row.key} class="server">
            <TextField
              name={`${nameOf(row)}address`}
              label={t.field.address}
              value={row.address}
              onChange={(value) => set(row.key, { address: value })}
            />
            <NumberField
              name={`${nameOf(row)}protocol_port`}
              label={t.field.port}
              value={row.protocol_port}
              onChange={(value) => set(row.key, { protocol_port: value })}
            />
            <Change
              icon="trash"
              label={t.member.removeRow(index + 1)}
              look="icon-only"
              onClick={() => setRows((before) => before.filter(({ key }) => key !== row.key))}
            />
          </div>
        ))}
        <div>
          <Change icon="plus" label={t.member.add} onClick={add} />
        </div>
        <p class="hint">{t.member.later}</p>
      </div>
    ),
    validate: () =>
      Object.assign(
        {},
        ...meant.map((row) =>
          complaints(
            {
              address: address(t, row.address),
              protocol_port: integer(t, row.protocol_port, can.ranges.protocol_port),
            },
            nameOf(row),
          ),
        ),
      ) as Record<string, string>,
    review: meant.map((row) => endpoint(row.address.trim(), Number(row.protocol_port))).join(", ") || t.member.noneYet,
    body: () => meant.map((row) => ({ address: row.address.trim(), protocol_port: Number(row.protocol_port) })),
  };
}
