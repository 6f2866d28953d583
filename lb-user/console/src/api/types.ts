/** What the management API shows, as far as the console looks at it. */

export interface Session {
  name: string;
  project_id: string;
  role: "admin" | "member" | "observer";
  auth: "required" | "none";
  expires_at: string | null;
}

export interface Ref {
  id: string;
}

export interface Head {
  id: string;
  name: string;
  admin_state_up: boolean;
  operating_status: string;
  provisioning_status: string;
  created_at: string | null;
  updated_at: string | null;
  revision: number;
  /** The configuration file that it stands in; then nobody changes it by the API. */
  declared_in?: string | null;
}

export interface LoadBalancer extends Head {
  description: string;
  vip_address: string;
  vip_subnet_id: string | null;
  flavor_id: string | null;
  listeners: Ref[];
  pools: Ref[];
  status_reason: string | null;
}

export interface Listener extends Head {
  description: string;
  protocol: string;
  protocol_port: number;
  default_pool_id: string | null;
  default_tls_container_ref: string | null;
}

export interface SessionPersistence {
  type: string;
  cookie_name: string | null;
  persistence_timeout: number | null;
  persistence_granularity: string | null;
  absolute_timeout: number | null;
}

export interface Pool extends Head {
  description: string;
  protocol: string;
  lb_algorithm: string;
  session_persistence: SessionPersistence | null;
  listeners: Ref[];
  members: Ref[];
  healthmonitor_id: string | null;
}

export interface Member extends Head {
  address: string;
  protocol_port: number;
  weight: number;
}

export interface HealthMonitor extends Head {
  type: string;
  delay: number;
  timeout: number;
  max_retries: number;
  max_retries_down: number;
  http_method: string | null;
  url_path: string | null;
  expected_codes: string | null;
}

/** How everything below a load balancer is. */
export interface StatusTree {
  loadbalancer: { listeners: { pools: { id: string; members: { operating_status: string }[] }[] }[] };
}

export interface Range {
  minimum: number;
  maximum: number;
  default?: number;
}

export interface PersistenceOffer {
  type: string;
  persistence_timeout: Range;
  absolute_timeout: Range;
  cookie_name: boolean;
}

export interface Protocol {
  name: string;
  layer: number;
  /** What it is by another name: one of the two is enough to choose from. Others may have made objects of either. */
  alias_of: string | null;
}

export interface Capabilities {
  version: string;
  dataplane: string;
  /** What the load balancer is, or what there is where none is named: `shared`, `dedicated`. */
  kinds: string[];
  listener_protocols: (Protocol & { pool_protocols: string[]; certificate: boolean })[];
  pool_protocols: (Protocol & { session_persistence: PersistenceOffer[]; default_health_monitor_type: string })[];
  lb_algorithms: { name: string; session_persistence: boolean }[];
  default_lb_algorithm: string;
  health_monitor_types: { name: string; pool_protocols: string[]; request: boolean; delay?: Range }[];
  ranges: Record<"weight" | "protocol_port" | "delay" | "timeout" | "max_retries", Range>;
  name: { maximum_length: number };
  subnets: { id: string; name: string; cidr: string }[];
}

export interface ListenerTraffic {
  id: string;
  connections: number;
  open: number;
  requests: number | null;
  errors: number | null;
  bytes_in: number;
  bytes_out: number;
}

export interface MemberTraffic {
  id: string;
  open: number;
  begun: number;
  sessions: number | null;
  /** What the health check has found, where it fails. */
  why_down?: string | null;
}

export interface SessionCounts {
  now: number | null;
  created: number;
  held: number;
  moved: number;
  expired: number;
  evicted: number | null;
}

export interface PoolTraffic {
  id: string;
  sessions: SessionCounts | null;
  members: MemberTraffic[];
}

export interface Traffic {
  loadbalancer_id: string;
  at_ms: number;
  listeners: ListenerTraffic[];
  pools: PoolTraffic[];
}

export type Series = (number | null)[];

export interface History {
  interval_s: number;
  until_ms: number;
  objects: { id: string; series: Record<string, Series> }[];
}

export interface HeldSession {
  id: string;
  client: string | null;
  cookie: string | null;
  member_id: string | null;
  member: string | null;
  age_s: number;
  idle_s: number;
  ends_in_s: number | null;
}

export interface Change {
  event: "changed" | "gone";
  kind: string;
  id: string;
  project_id: string;
  provisioning_status?: string;
  operating_status?: string;
}

/** Something that has happened. */
export interface PastEvent {
  at: string;
  event: "created" | "updated" | "deleted" | "status_changed";
  kind: string;
  id: string;
  name: string;
  /** Where it is, or was. */
  loadbalancer_id: string | null;
  pool_id: string | null;
  /** Of listeners and backend servers. */
  protocol?: string;
  address?: string;
  protocol_port?: number;
  /** How it was then; not of what was deleted. */
  provisioning_status?: string;
  operating_status?: string;
  /** How it was before, where that was otherwise. */
  previous_operating_status?: string;
  reason: string | null;
}
