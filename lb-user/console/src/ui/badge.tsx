import { useText, word } from "../i18n";
import { Icon, type IconName } from "./icons";

type Tone = "good" | "warn" | "bad" | "idle" | "busy";

const TONES: Record<string, Tone> = {
  ONLINE: "good",
  ACTIVE: "good",
  DEGRADED: "warn",
  DRAINING: "warn",
  ERROR: "bad",
  OFFLINE: "idle",
  NO_MONITOR: "idle",
  PENDING_CREATE: "busy",
  PENDING_UPDATE: "busy",
  PENDING_DELETE: "busy",
};
// Each tone has a shape too: colour alone tells nothing to many.
const SHAPES: Record<Tone, IconName> = { good: "check", warn: "warn", bad: "cross", idle: "pause", busy: "busy" };

export function StateBadge(props: { of: "operating" | "provisioning"; state: string }) {
  const words = useText()[props.of];
  const tone = TONES[props.state] ?? "idle";
  return (
    <span class={`badge ${tone}`} title={`${words.label}: ${props.state}`}>
      <Icon name={SHAPES[tone]} />
      {word(words, props.state)}
    </span>
  );
}
