import { useEffect, useState } from "preact/hooks";

const SHOWN_FOR_MS = 6_000;

interface Announcement {
  id: number;
  text: string;
}

let shown: Announcement[] = [];
let lastId = 0;
const watchers = new Set<(shown: Announcement[]) => void>();

function show(announcements: Announcement[]): void {
  shown = announcements;
  watchers.forEach((watcher) => watcher(shown));
}

/** Tells what has been done, to eyes and to screen readers. */
export function announce(text: string): void {
  const id = ++lastId;
  show([...shown, { id, text }]);
  setTimeout(() => show(shown.filter((announcement) => announcement.id !== id)), SHOWN_FOR_MS);
}

export function Announcements() {
  const [current, setCurrent] = useState(shown);
  useEffect(() => {
    watchers.add(setCurrent);
    return () => void watchers.delete(setCurrent);
  }, []);
  return (
    <div class="announcements" role="status" aria-live="polite">
      {current.map(({ id, text }) => (
        <p key={id} class="clamped">
          {text}
        </p>
      ))}
    </div>
  );
}
