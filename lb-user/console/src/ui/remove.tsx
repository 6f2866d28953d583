import type { Kind } from "../api/objects";
import { useEdited } from "../forms/draft";
import { announce } from "../state/announcements";
import { Confirm } from "./confirm";

interface Props<T> {
  kind: Kind<T & { id: string; revision: number }>;
  object: T & { id: string; revision: number };
  /** Whether what is below it goes with it. */
  isCascade?: boolean;
  action: string;
  consequence: string;
  /** Said once it is gone. */
  done: string;
  onRemoved(): void;
  onClose(): void;
}

/** Asks before an object is deleted, as it was when that was asked for. */
export function Remove<T>({ kind, object, isCascade, action, consequence, done, onRemoved, onClose }: Props<T>) {
  const { base, reload } = useEdited(kind, object, () => ({}));
  return (
    <Confirm
      action={action}
      consequence={consequence}
      confirm={async () => {
        await kind.remove(base ?? object, isCascade ? { cascade: "true" } : {});
        announce(done);
        onRemoved();
      }}
      onChanged={reload}
      onClose={onClose}
    />
  );
}
