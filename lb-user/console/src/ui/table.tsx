import type { ComponentChildren } from "preact";

import { useText } from "../i18n";
import type { Pages } from "../state/use-pages";
import { Icon } from "./icons";

export interface Column<T> {
  label: string;
  cell(item: T): ComponentChildren;
  isNumeric?: boolean;
  /** Its cells say what their row is about. */
  isHeader?: boolean;
  /** Its buttons say by themselves what they do. */
  isActions?: boolean;
}

interface Props<T> {
  caption: string;
  columns: Column<T>[];
  items: T[];
  keyOf(item: T): string;
}

/** A table; cards, where there is no room for one. The roles are said since cards would lose them. */
export function Table<T>({ caption, columns, items, keyOf }: Props<T>) {
  const kind = (column: Column<T>) => (column.isNumeric ? "numeric" : column.isActions ? "actions" : undefined);
  return (
    <table role="table" aria-label={caption}>
      <thead role="rowgroup">
        <tr role="row">
          {columns.map((column) => (
            <th key={column.label} role="columnheader" scope="col" class={kind(column)}>
              {column.isActions ? <span class="unseen">{column.label}</span> : column.label}
            </th>
          ))}
        </tr>
      </thead>
      <tbody role="rowgroup">
        {items.map((item) => (
          <tr key={keyOf(item)} role="row">
            {columns.map((column) =>
              column.isHeader ? (
                <th key={column.label} role="rowheader" scope="row">
                  {column.cell(item)}
                </th>
              ) : (
                <td key={column.label} role="cell" class={kind(column)} data-label={column.label}>
                  {column.cell(item)}
                </td>
              ),
            )}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** The way through the pages of a list; nothing where there is only one. */
export function Pager({ pages, next, label }: { pages: Pages; next: string | null; label: string }) {
  const t = useText();
  if (pages.number === 1 && !next) return null;
  return (
    <nav class="pager" aria-label={label}>
      <button type="button" disabled={pages.number === 1} onClick={pages.previous}>
        <Icon name="left" />
        {t.do.previousPage}
      </button>
      <span aria-live="polite">{t.page(pages.number)}</span>
      <button type="button" disabled={!next} onClick={() => next && pages.next(next)}>
        {t.do.nextPage}
        <Icon name="right" />
      </button>
    </nav>
  );
}

export function Empty(props: { title: string; hint?: string; children?: ComponentChildren }) {
  return (
    <div class="empty">
      <p class="empty-title">{props.title}</p>
      {props.hint && <p class="hint">{props.hint}</p>}
      {props.children}
    </div>
  );
}
