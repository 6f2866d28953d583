import type { ApiError } from "../api/http";
import { useText } from "./index";

/** Says what went wrong, and what would help. */
export function useProblem(): (error: ApiError) => string {
  const t = useText().wrong;
  return (error) => {
    switch (error.status) {
      case 0:
        return t.unreachable;
      case 403:
        return error.message || t.forbidden;
      case 404:
        return t.gone;
      case 409:
        return t.conflict(error.message);
      case 412:
        return t.changed;
      case 503:
        return t.busy;
      default:
        return error.message;
    }
  };
}
