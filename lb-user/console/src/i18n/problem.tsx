import type { ComponentChildren } from "preact";

import { type ApiError, UNEXPECTED, UNREACHED } from "../api/http";
import { useText } from "./index";

/** What the daemon says in its own words: these are English, whatever the page is in. */
export function Said({ children }: { children: ComponentChildren }) {
  return <span lang="en">{children}</span>;
}

/** Says what went wrong, and what would help. */
export function useProblem() {
  const t = useText().wrong;
  const said = (lead: string, text: string) => (
    <>
      {lead}
      <Said>{text}</Said>
    </>
  );
  return {
    /** Of a request as a whole. */
    of(error: ApiError): ComponentChildren {
      switch (error.status) {
        case UNEXPECTED:
          return t.unexpected;
        case UNREACHED:
          return t.unanswered;
        case 403:
          return error.message ? said(t.refused, error.message) : t.forbidden;
        case 404:
          return t.gone;
        case 409:
          return said(t.conflict, error.message);
        case 412:
          return t.changed;
        case 503:
          return t.busy;
        default:
          return said(t.refused, error.message);
      }
    },
    /** Of the field beside which it stands. */
    ofField: (error: ApiError): ComponentChildren => said(t.refusedValue, error.message),
  };
}
