import { useText } from "../i18n";
import { PageHeader } from "./page-header";

/** A page among others of its kind. */
export interface List {
  label: string;
  href: string;
}

/** In place of a page that there is not, with the way on. */
export function Missing({ title, list }: { title: string; list: List }) {
  const t = useText();
  return (
    <>
      <PageHeader title={title} />
      <p>
        <a href={list.href}>{t.goTo(list.label)}</a>
      </p>
    </>
  );
}
