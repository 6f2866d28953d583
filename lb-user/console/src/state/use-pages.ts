import { useEffect, useState } from "preact/hooks";

import type { ApiError } from "../api/http";

export interface Pages {
  /** What the page that is shown begins behind; empty: the first one. */
  marker: string;
  number: number;
  next(marker: string): void;
  previous(): void;
  first(): void;
}

/** Which page of a list is shown; another `list` begins at its first page. */
export function usePages(list: string): Pages {
  const [state, setState] = useState({ list, markers: [""] });
  const markers = state.list === list ? state.markers : [""];
  useEffect(() => setState({ list, markers: [""] }), [list]);
  return {
    marker: markers[markers.length - 1] ?? "",
    number: markers.length,
    next: (marker) => setState({ list, markers: [...markers, marker] }),
    previous: () => setState({ list, markers: markers.length > 1 ? markers.slice(0, -1) : markers }),
    first: () => setState({ list, markers: [""] }),
  };
}

/** Goes back to the first page where this one cannot be had: what it begins behind may be gone. */
export function useFirstPageAgain(pages: Pages, error: ApiError | null): void {
  useEffect(() => {
    if (error && error.status >= 400 && error.status < 500 && pages.number > 1) pages.first();
  }, [error]);
}
