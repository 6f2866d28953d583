import { useEffect, useState } from "preact/hooks";

import { daemonIsAway, onReach } from "../api/http";

/** Whether the daemon cannot be reached just now. That is said once, for all that could not be loaded, and is tried again. */
export function useIsAway(): boolean {
  const [isAway, setAway] = useState(daemonIsAway);
  useEffect(() => {
    setAway(daemonIsAway());
    return onReach(setAway);
  }, []);
  return isAway;
}
