import { useEffect, useId, useLayoutEffect, useState } from "preact/hooks";

import { useText } from "../i18n";
import { useIsAway } from "../state/reach";
import { Icon } from "./icons";

/** The dialogs that are open, that in front last: what is behind one is neither heard nor got at. */
let open: string[] = [];
const watching = new Set<() => void>();

function become(now: string[]): void {
  open = now;
  watching.forEach((look) => look());
}

/** Said once, however much waits for the daemon, until that is back: in the dialog that is in front, or else above the page. */
export function Away({ isInDialog = false }: { isInDialog?: boolean }) {
  const t = useText().live;
  const id = useId();
  const isAway = useIsAway();
  const [front, setFront] = useState(open.at(-1));
  useLayoutEffect(() => {
    if (!isInDialog) return;
    become([...open, id]);
    return () => become(open.filter((other) => other !== id));
  }, []);
  useEffect(() => {
    const look = () => setFront(open.at(-1));
    look();
    watching.add(look);
    return () => void watching.delete(look);
  }, []);
  if (!isAway || front !== (isInDialog ? id : undefined)) return null;
  return (
    <div class="unreached" role="alert">
      <Icon name="warn" />
      {t.awayLong}
    </div>
  );
}
