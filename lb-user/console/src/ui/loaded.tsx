import type { ComponentChildren } from "preact";

import { UNREACHED } from "../api/http";
import { useText } from "../i18n";
import { useProblem } from "../i18n/problem";
import type { Resource } from "../state/use-resource";
import { Icon } from "./icons";
import { type List, Missing } from "./missing";

export function Alert(props: { tone?: "bad" | "info"; title?: string; children: ComponentChildren }) {
  const tone = props.tone ?? "bad";
  return (
    <div class={`alert ${tone}`} role={tone === "bad" ? "alert" : "note"}>
      <Icon name={tone === "bad" ? "warn" : "info"} />
      <div>
        {props.title && <strong>{props.title}</strong>}
        {props.children}
      </div>
    </div>
  );
}

/** Said above what is shown, where it cannot be changed here. */
export function Fixed({ why }: { why: string | null }) {
  return why && <Alert tone="info">{why}</Alert>;
}

interface Props<T> {
  resource: Resource<T>;
  /** Where there are others, if it is what a page is about: then it may be gone. */
  list?: List;
  children: (data: T) => ComponentChildren;
}

/** What has been loaded; until then that it is being loaded, or why it could not be. */
export function Loaded<T>(props: Props<T>) {
  const t = useText();
  const problem = useProblem();
  const { data, isLoading, reload } = props.resource;
  // That the daemon is away is said once, above all that waits for it.
  const error = props.resource.error?.status === UNREACHED ? null : props.resource.error;
  if (error?.status === 404 && props.list) return <Missing title={t.gone} list={props.list} />;
  return (
    <>
      {error && (
        <Alert title={t.wrong.loading}>
          <p>{problem.of(error)}</p>
          <button type="button" onClick={reload} disabled={isLoading}>
            {t.do.retry}
          </button>
        </Alert>
      )}
      {data === null && !error && (
        <p class="loading" role="status">
          {t.loading}
        </p>
      )}
      {data !== null && props.children(data)}
    </>
  );
}
