const PATHS = {
  gear: "M8 10.2a2.2 2.2 0 1 0 0-4.4 2.2 2.2 0 0 0 0 4.4M8 1.6v1.9M8 12.5v1.9M14.4 8h-1.9M3.5 8H1.6M12.5 3.5l-1.3 1.3M4.8 11.2l-1.3 1.3M12.5 12.5l-1.3-1.3M4.8 4.8 3.5 3.5",
  plus: "M8 3v10M3 8h10",
  edit: "M3 13l.6-2.8L10.8 3a1.5 1.5 0 0 1 2.2 2.2L5.8 12.4zM9.6 4.2l2.2 2.2",
  trash: "M3 4.5h10M6.5 4.5V3h3v1.5M4.5 4.5l.6 8.5h5.8l.6-8.5",
  drain: "M3 3h10l-4 5v4.5l-2-1.2V8z",
  check: "M3.5 8.5l3 3 6-7",
  warn: "M8 2.2 14.4 13.4H1.6zM8 6.4v3M8 11.3v.1",
  cross: "M4.5 4.5l7 7M11.5 4.5l-7 7",
  pause: "M6 4.5v7M10 4.5v7",
  busy: "M8 14a6 6 0 1 0 0-12 6 6 0 0 0 0 12M8 4.8V8l2.2 1.5",
  dot: "M8 8h.01",
  left: "M10 3.5L5.5 8l4.5 4.5",
  right: "M6 3.5L10.5 8 6 12.5",
  info: "M8 14.2A6.2 6.2 0 1 0 8 1.8a6.2 6.2 0 0 0 0 12.4M8 7.4v3.6M8 4.9v.1",
};
export type IconName = keyof typeof PATHS;

/** A picture beside words, or in a button that has a label of its own. */
export function Icon({ name }: { name: IconName }) {
  return (
    <svg class="icon" viewBox="0 0 16 16" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} />
    </svg>
  );
}

export function Logo() {
  return (
    <svg class="logo" viewBox="0 0 32 32" aria-hidden="true" focusable="false">
      <rect width="32" height="32" rx="8" />
      <path d="M7 16h6c5 0 4-7 9-7M13 16c5 0 4 7 9 7" />
      <circle cx="24" cy="9" r="2.4" />
      <circle cx="24" cy="23" r="2.4" />
    </svg>
  );
}
