import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";

import { useText } from "../i18n";
import { Name, whole } from "./name";

interface Props {
  title: string;
  /** The pages above this one. */
  above?: { label: string; href: string }[];
  /** What is said of it beside its title. */
  facts?: ComponentChildren;
  /** What can be done. */
  children?: ComponentChildren;
}

/** Whether the console has shown a page yet: the first one gets its focus from the browser. */
let hasShown = false;

export function PageHeader({ title, above, facts, children }: Props) {
  const t = useText();
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = `${title} · Holdfast`;
  }, [title]);
  useEffect(() => {
    // For a screen reader another page is one whose heading is read.
    if (hasShown) heading.current?.focus({ preventScroll: true });
    if (hasShown) scrollTo(0, 0);
    hasShown = true;
  }, []);
  return (
    <header class="page-header">
      {above && (
        <nav aria-label={t.path} class="path">
          <ol>
            {above.map(({ label, href }) => (
              <li key={href}>
                <Name href={href}>{label}</Name>
              </li>
            ))}
          </ol>
        </nav>
      )}
      <div class="page-title">
        <h1 ref={heading} tabIndex={-1} class="clamped" title={whole(title)}>
          {title}
        </h1>
        {facts}
        {children && <div class="page-actions">{children}</div>}
      </div>
    </header>
  );
}
