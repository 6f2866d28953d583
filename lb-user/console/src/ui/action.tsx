import { announce } from "../state/announcements";
import { Icon, type IconName } from "./icons";

interface Props {
  icon: IconName;
  /** What it does, in words that are seen; in a table it is only a picture, and they are its name. */
  label: string;
  /** What it is called where that says more than its words: what it is done to. */
  name?: string;
  look?: "primary" | "icon-only";
  /** Why it cannot be done: then it is there still, and says so. */
  why?: string | null;
  href?: string;
  onClick?: () => void;
}

/** Something that can be done: a button, or a link to where it is done. */
export function Action({ icon, label, name = label, look, why, href, onClick }: Props) {
  const isPicture = look === "icon-only";
  const content = (
    <>
      <Icon name={icon} />
      {!isPicture && label}
    </>
  );
  if (href && !why) {
    return (
      <a class={`button ${look ?? ""}`} href={href}>
        {content}
      </a>
    );
  }
  return (
    <button
      type="button"
      class={look}
      aria-label={isPicture || name !== label ? name : undefined}
      title={why ?? (isPicture ? name : undefined)}
      aria-disabled={why ? true : undefined}
      // Fingers have no pointer to find a title with.
      onClick={why ? () => announce(why) : onClick}
    >
      {content}
    </button>
  );
}
