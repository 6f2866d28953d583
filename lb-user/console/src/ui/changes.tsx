import type { ComponentChildren } from "preact";

import { useText } from "../i18n";
import { useMayChange } from "../state/session";
import { Action } from "./action";

interface Deed {
  /** What it does and to what, in words. */
  name: string;
  onClick(): void;
}

interface Props {
  /** Why nothing of it can be done, if so. */
  why: string | null;
  edit?: Deed;
  /** In place of `edit`, where that is more than a few fields. */
  settings?: Deed;
  remove: Deed;
  /** Before what they are done to, pictures do; in the header of its page there are words. */
  look?: "icon-only";
  /** What else can be done. */
  children?: ComponentChildren;
}

/** What those who may change an object can do to it: a button each. */
export function Changes({ why, edit, settings, remove, look, children }: Props) {
  const t = useText();
  if (!useMayChange()) return null;
  const button = (icon: "edit" | "gear" | "trash", word: string, { name, onClick }: Deed) => (
    <Action icon={icon} label={look ? name : word} name={name} {...(look && { look })} why={why} onClick={onClick} />
  );
  return (
    <>
      {edit && button("edit", t.do.edit, edit)}
      {settings && button("gear", t.do.settings, settings)}
      {children}
      {button("trash", t.do.delete, remove)}
    </>
  );
}
