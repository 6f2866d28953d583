import { count } from "./count";
import { watching } from "./watching";

/** English, and at the same time which words there are: every other language has to have the same ones. */
export const en = {
  skip: "Skip to content",
  loadBalancers: "Load balancers",
  events: "Events",
  mainNavigation: "Main",
  language: "Language",
  notFound: "There is no such page.",
  gone: "This does not exist, or not any more.",
  goTo: (list: string) => `Go to: ${list}`,
  path: "You are here",

  signIn: {
    title: "Sign in",
    name: "Name",
    password: "Password",
    token: "Token",
    withToken: "Use a token instead",
    withPassword: "Use name and password instead",
    submit: "Sign in",
    out: "Sign out",
    wrong: "That is not right. Check the name and the password, or the token.",
    ended: "Your session has ended. Sign in to go on where you were.",
    tooMany: (s: number) => `There have been too many failures. Try again in ${count(s, "second", "seconds")}.`,
    as: (name: string) => `Signed in as ${name}`,
    stayed:
      "You are still signed in: the daemon has not heard that you leave. Whoever uses this browser next goes on as you.",
    observer: "You may look at everything here, and change nothing: your role is observer.",
  },

  live: {
    connecting: "Connecting…",
    live: "Live",
    polling: "Looking every 5 s",
  },

  do: {
    ok: "OK",
    cancel: "Cancel",
    edit: "Edit",
    settings: "Settings",
    delete: "Delete",
    back: "Back",
    next: "Next",
    retry: "Try again",
    previousPage: "Previous page",
    nextPage: "Next page",
    search: "Search",
    clear: "Clear",
    actions: "Actions",
  },

  field: {
    name: "Name",
    description: "Description",
    id: "ID",
    protocol: "Protocol",
    port: "Port",
    address: "Address",
    weight: "Weight",
    algorithm: "Algorithm",
    enabled: "Enabled",
    created: "Created",
    updated: "Last changed",
    state: "State",
  },

  wrong: {
    required: "This is needed.",
    range: (low: number, high: number) =>
      `Enter a whole number from ${low.toLocaleString("en")} to ${high.toLocaleString("en")}.`,
    tooLong: (most: number) => `Use at most ${most} characters.`,
    sought: "Enter an address such as 192.0.2.7, or the 16 characters that stand for a cookie.",
    address: "Enter an IPv4 or IPv6 address, such as 192.0.2.10 or 2001:db8::10.",
    cookieName: "Use no spaces, commas, semicolons or backslashes.",
    path: "Enter a path that begins with /, such as /healthz.",
    codes: "Enter codes such as 200, 200,204 or 200-299.",
    unreachable: "The daemon cannot be reached. Check that it runs and that the network is up, then try again.",
    unexpected:
      "Something unexpected has happened in this page, and it may not show what is true. Load it again; if that does not help, tell those who look after the daemon.",
    busy: "The daemon has too much to do just now. Try again in a moment.",
    forbidden: "Your role does not allow that.",
    changed:
      "Somebody else has changed this meanwhile, so nothing was saved. What is there now has been loaded, and what you have typed is kept: look at both, then try again.",
    // The daemon's own words follow these three.
    conflict: "That cannot be changed now: ",
    refused: "",
    refusedValue: "",
    gone: "It is there no more. Somebody may have deleted it.",
    loading: "This could not be loaded.",
    check: "Some fields are not right yet. See what is said beside them.",
  },

  /** What somebody else has made of a field while its form was open. */
  theirs: {
    taken: "Somebody else has changed this meanwhile; it is theirs that stands here.",
    other: (value: string) =>
      value
        ? `Somebody else has made this “${value}” meanwhile; yours stands here.`
        : "Somebody else has emptied this meanwhile; yours stands here.",
    on: "on",
    off: "off",
  },

  declared: (file: string) => `This stands in ${file}: change it there, and reload.`,

  loading: "Loading…",
  page: (n: number) => `Page ${n}`,
  none: "none",
  unnamed: "(without a name)",

  operating: {
    label: "Operating state",
    ONLINE: "Online",
    OFFLINE: "Offline",
    DEGRADED: "Degraded",
    ERROR: "Error",
    DRAINING: "Draining",
    NO_MONITOR: "Not checked",
  },
  provisioning: {
    label: "Provisioning state",
    ACTIVE: "Active",
    PENDING_CREATE: "Being created",
    PENDING_UPDATE: "Being changed",
    PENDING_DELETE: "Being deleted",
    ERROR: "Failed",
  },

  lb: {
    title: (name: string) => `Load balancer ${name}`,
    vip: "Virtual IP address",
    listeners: "Listeners",
    paths: "Where clients are led",
    traffic: "Traffic",
    create: "Create load balancer",
    subnet: "Subnet",
    kind: "Kind",
    kinds: { shared: "Shared", dedicated: "Dedicated" },
    vipOptional: "Virtual IP address (optional)",
    vipChosen: "Left empty, a free one of the subnet is taken.",
    flavor: "Flavor",
    noFlavor: "Shared (default)",
    edit: "Edit load balancer",
    enabledHint: "Off: it takes no traffic.",
    remove: (name: string) => `Delete load balancer ${name}`,
    removeAsk: (listeners: number, pools: number) =>
      `${count(listeners, "listener", "listeners")} and ${count(pools, "backend server group", "backend server groups")} go with it. Clients are cut off at once. This cannot be undone.`,
    created: (name: string) => `Load balancer ${name} has been created.`,
    saved: (name: string) => `Load balancer ${name} has been saved.`,
    removed: (name: string) => `Load balancer ${name} has been deleted.`,
    empty: "There are no load balancers yet.",
    emptyHint: "Create one: it gets a virtual IP address, and then listeners and backend servers.",
    nothingFound: "No load balancer has this name.",
    search: "Find by name",
    failed: "The load balancer could not be set up",
    tabs: { overview: "Overview", listeners: "Listeners", pools: "Backend server groups", monitoring: "Monitoring" },
  },

  listener: {
    add: "Add listener",
    edit: (name: string) => `Edit listener ${name}`,
    remove: (name: string) => `Delete listener ${name}`,
    removeAsk: "Clients of this port are cut off at once. Its backend server group stays. This cannot be undone.",
    defaultPool: "Backend server group",
    noPool: "None",
    certificate: "Certificate",
    certificateHint:
      "The name of the certificate that lies in the daemon's directory of certificates as NAME.pem and NAME.key.",
    added: (name: string) => `Listener ${name} has been added.`,
    saved: (name: string) => `Listener ${name} has been saved.`,
    removed: (name: string) => `Listener ${name} has been deleted.`,
    empty: "There are no listeners yet.",
    emptyHint: "Add one: it says on which port and by which protocol clients are served.",
    step: "Listener",
    layer: (layer: number) => `layer ${layer}`,
    newPool: "New backend server group",
    existingPool: "Existing backend server group",
    whichPool: "Where clients are sent",
    noFitting: "There is no backend server group of a fitting protocol yet.",
    review: "Review",
    reviewHint: "Nothing has been made so far. All of it is made at once, or none of it.",
  },

  pool: {
    add: "Add backend server group",
    step: "Backend server group",
    name: "Group name",
    protocol: "Backend protocol",
    settings: (name: string) => `Settings of ${name}`,
    settingsTitle: (name: string) => `Settings of backend server group ${name}`,
    remove: (name: string) => `Delete backend server group ${name}`,
    removeAsk: (members: number) =>
      `${count(members, "backend server goes", "backend servers go")} with it, and its sessions end. This cannot be undone.`,
    members: "Backend servers",
    persistence: "Session persistence",
    listeners: "Listeners",
    added: (name: string) => `Backend server group ${name} has been added.`,
    saved: (name: string) => `Backend server group ${name} has been saved.`,
    removed: (name: string) => `Backend server group ${name} has been deleted.`,
    empty: "There are no backend server groups yet.",
    emptyHint: "Add one: it holds the backend servers, and says how clients are spread over them and kept there.",
    unused: "not used by any listener",
  },

  algorithm: {
    ROUND_ROBIN: "Weighted round robin",
    LEAST_CONNECTIONS: "Weighted least connections",
    SOURCE_IP: "Source IP algorithm",
  },

  persistence: {
    title: "Session persistence",
    hint: "Requests that belong together go to the same backend server.",
    off: "Off",
    type: "Session persistence type",
    duration: "Session persistence duration (minutes)",
    durationHint: (low: number, high: number, usual: number) =>
      `${low.toLocaleString("en")} to ${high.toLocaleString("en")}, usually ${usual}. Counted from the last request or packet of the session.`,
    lifetime: "Maximum session lifetime (minutes, optional)",
    lifetimeHint: (most: number) =>
      `Up to ${most.toLocaleString("en")}, and no shorter than the duration. A session this old ends even while it is in use; leave this empty for no limit.`,
    cookieName: "Cookie name",
    cookieNameHint: "The name of the cookie that your application sets, such as JSESSIONID.",
    types: {
      SOURCE_IP: "Source IP address",
      HTTP_COOKIE: "Load balancer cookie",
      APP_COOKIE: "Application cookie",
    },
    explain: {
      SOURCE_IP: "All that comes from one address goes to one server.",
      HTTP_COOKIE: "The load balancer sets a cookie; requests that carry it go to the same server.",
      APP_COOKIE: "Your application sets a cookie; requests that carry its value go to the server that made it.",
    },
    lost: {
      SOURCE_IP: "Lost when the client's source address changes, or it stays away longer than the duration.",
      HTTP_COOKIE: "Lost when a request comes without the cookie, or the client stays away longer than the duration.",
      APP_COOKIE: "Lost when a request comes without the cookie, or the client stays away longer than the duration.",
    },
    notWithSourceIp: "Not needed here: the source IP algorithm already keeps each client on its server.",
    notOffered: "This protocol has no session persistence.",
    notOfferedType: "set by other means; not offered otherwise",
    adviceTitle: "Clients behind a private line, VPN or interconnection?",
    advice:
      "They share few source addresses, so few servers would hold them all. Choose the source IP algorithm for them, rather than session persistence.",
    lasts: (minutes: number, seconds: number) =>
      seconds === 0 ? count(minutes, "minute", "minutes") : `${minutes} min ${seconds} s`,
    atMost: (duration: string) => `at most ${duration}`,
  },

  member: {
    add: "Add backend server",
    edit: (name: string) => `Edit ${name}`,
    drain: (name: string) => `Drain ${name}`,
    drainAsk:
      "Its weight becomes 0: it keeps the sessions that it holds and gets no new ones. Give it a weight again to bring it back.",
    drained: (name: string) => `${name} is being drained.`,
    remove: (name: string) => `Take away ${name}`,
    removeAsk: "Its sessions move to the other backend servers. To let them end first, drain it instead.",
    added: (name: string) => `${name} has been added.`,
    saved: (name: string) => `${name} has been saved.`,
    removed: (name: string) => `${name} has been taken away.`,
    empty: "There are no backend servers yet.",
    emptyHint: "Add the servers that clients are to be sent to, each with its address and port.",
    health: "Health",
    sessions: "Sessions",
    open: "Open",
    newPerS: "New/s",
    weightHint: (low: number, high: number) =>
      `${low} to ${high}. 0 drains it: it keeps its sessions and gets no new ones.`,
    up: (up: number, all: number) => `${up} of ${all} up`,
    noneYet: "none yet",
    removeRow: (n: number) => `Take away backend server ${n}`,
    later: "More of them, their names and weights can be set later too.",
    unused: "not in use: nobody is led to it",
    reason: {
      ONLINE: "passes its health checks",
      ERROR: "fails its health checks; its sessions move to others",
      OFFLINE: "switched off",
      DRAINING: "weight 0: keeps its sessions, gets no new ones",
      NO_MONITOR: "no health check: taken as up",
      DEGRADED: "answers some of its health checks",
    },
  },

  health: {
    title: "Health check",
    add: "Add health check",
    edit: "Change health check",
    remove: "Delete health check",
    removeAsk: "All backend servers are taken as up from then on, whether they answer or not.",
    none: "There is no health check: every backend server is taken as up.",
    enable: "Check the health of backend servers",
    type: "Type",
    delay: "Interval (seconds)",
    timeout: "Timeout (seconds)",
    timeoutBeyondDelay: "At most the interval: a check has ended when the next one begins.",
    maxRetries: "Successes until up",
    maxRetriesDown: "Failures until down",
    method: "HTTP method",
    path: "Path",
    codes: "Expected status codes",
    saved: "The health check has been saved.",
    removed: "The health check has been deleted.",
    summary: (type: string, delay: number, timeout: number) => `${type} every ${delay} s, waiting at most ${timeout} s`,
  },

  ...watching,
};

export type Text = typeof en;
