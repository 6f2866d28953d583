import type { Head } from "../api/types";
import { useText } from "../i18n";

/** Says why an object, and what is below it, cannot be changed here: it stands in a file. Null: it can be. */
export function useWhyFixed(): (object: Pick<Head, "declared_in">) => string | null {
  const t = useText();
  return ({ declared_in }) => (declared_in ? t.declared(declared_in) : null);
}
