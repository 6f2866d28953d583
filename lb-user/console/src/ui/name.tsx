import type { Listener, Member } from "../api/types";
import { protocolName } from "../i18n/format";

/** What to call an object: names may be left out. */
export function nameOf({ name, id }: { name: string; id: string }): string {
  return name.trim() || id.slice(0, 8);
}

/** An address and a port, as URLs have them. */
export function endpoint(address: string, port: number): string {
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}

export function memberName(member: Pick<Member, "name" | "address" | "protocol_port">): string {
  return member.name.trim() || endpoint(member.address, member.protocol_port);
}

export function listenerName(listener: Pick<Listener, "name" | "protocol" | "protocol_port">): string {
  return listener.name.trim() || `${protocolName(listener.protocol)}:${listener.protocol_port}`;
}

/** More than this is cut off somewhere. */
const LONG = 24;

/** The whole of what may be cut off. */
export function whole(name: string): string | undefined {
  return name.length > LONG ? name : undefined;
}

/** A name where there is not room for any: its end may be cut off. */
export function Name({ children, href }: { children: string; href?: string }) {
  const shown = { class: "name", title: whole(children) };
  return href ? (
    <a {...shown} href={href}>
      {children}
    </a>
  ) : (
    <span {...shown}>{children}</span>
  );
}

/** Where clients come in. */
export function Door({ listener }: { listener: Listener }) {
  return (
    <code class="unbroken">
      {protocolName(listener.protocol)}:{listener.protocol_port}
    </code>
  );
}
