import { count } from "./count";
import { watching } from "./watching";

/** English, and at the same time which words there are: every other language has to have the same ones. */
export const en = {
  skip: "Skip to content",
  loadBalancers: "Load balancers",
  events: "Events",
  mainNavigation: "Main",
  language: "Language",
  notFound: "Page not found",
  gone: "This does not exist or has been deleted.",
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
    wrong: "Sign-in failed. Check the name and password, or the token.",
    ended: "Your session has ended. Sign in again to continue where you left off.",
    tooMany: (s: number) => `Too many failed attempts. Try again in ${count(s, "second", "seconds")}.`,
    as: (name: string) => `Signed in as ${name}`,
    stayed:
      "You are still signed in: the daemon did not receive the sign-out. Whoever uses this browser next acts as you.",
    observer: "Your role is observer: you can view everything here but change nothing.",
  },

  live: {
    connecting: "Connecting…",
    live: "Live",
    polling: "Refreshing every 5 s",
    away: "Disconnected",
    awayLong: "The daemon cannot be reached. Trying again…",
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
    updated: "Last updated",
    state: "Status",
  },

  wrong: {
    required: "This field is required.",
    range: (low: number, high: number) =>
      `Enter a whole number from ${low.toLocaleString("en")} to ${high.toLocaleString("en")}.`,
    tooLong: (most: number) => `Use at most ${most} characters.`,
    addressOrNetwork: "Enter an address such as 192.0.2.7, or a network such as 192.0.2.0/24.",
    sessionId: "Enter 16 characters: digits, and the letters a to f.",
    address: "Enter an IPv4 or IPv6 address, such as 192.0.2.10 or 2001:db8::10.",
    cookieName: "Use no spaces, commas, semicolons or backslashes.",
    path: "Enter a path that begins with /, such as /healthz.",
    codes: "Enter codes such as 200, 200,204 or 200-299.",
    unanswered: "The daemon did not answer, so this may not have been done. Try again once it is back.",
    unexpected:
      "Something unexpected happened on this page, and what it shows may be wrong. Reload it; if that does not help, tell your administrator.",
    busy: "The daemon is busy. Try again in a moment.",
    forbidden: "Your role does not allow this.",
    changed:
      "Somebody else has changed this in the meantime, so nothing was saved. The latest version has been loaded and what you entered is kept: check both, then try again.",
    // The daemon's own words follow these three.
    conflict: "This cannot be changed now: ",
    refused: "",
    refusedValue: "",
    gone: "This no longer exists. Somebody may have deleted it.",
    loading: "This could not be loaded.",
    check: "Some fields need attention. See the messages below them.",
  },

  /** What somebody else has made of a field while its form was open. */
  theirs: {
    taken: "Somebody else has just changed this; their value is shown.",
    other: (value: string) =>
      value
        ? `Somebody else has just changed this to “${value}”; your value is shown.`
        : "Somebody else has just cleared this; your value is shown.",
    on: "on",
    off: "off",
  },

  unsaved: {
    title: "Discard what you entered?",
    consequence: "It has not been saved.",
    keep: "Keep editing",
    discard: "Discard",
  },

  declared: (file: string) => `This is defined in ${file}: change it there and reload the configuration.`,

  loading: "Loading…",
  page: (n: number) => `Page ${n}`,
  none: "none",
  unnamed: "(without a name)",

  operating: {
    label: "Operating status",
    ONLINE: "Online",
    OFFLINE: "Offline",
    DEGRADED: "Degraded",
    ERROR: "Error",
    DRAINING: "Draining",
    NO_MONITOR: "Not checked",
  },
  provisioning: {
    label: "Provisioning status",
    ACTIVE: "Active",
    PENDING_CREATE: "Creating",
    PENDING_UPDATE: "Updating",
    PENDING_DELETE: "Deleting",
    ERROR: "Failed",
  },

  lb: {
    title: (name: string) => `Load balancer ${name}`,
    vip: "Virtual IP address",
    listeners: "Listeners",
    paths: "Where traffic goes",
    traffic: "Traffic",
    create: "Create load balancer",
    subnet: "Subnet",
    kind: "Type",
    kinds: { shared: "Shared", dedicated: "Dedicated" },
    vipOptional: "Virtual IP address (optional)",
    vipChosen: "Leave empty to take a free address of the subnet.",
    flavor: "Flavor",
    noFlavor: "Shared (default)",
    edit: "Edit load balancer",
    enabledHint: "When off, it takes no traffic.",
    remove: (name: string) => `Delete load balancer ${name}`,
    removeAsk: (listeners: number, pools: number) =>
      `${count(listeners, "listener", "listeners")} and ${count(pools, "backend server group", "backend server groups")} are deleted with it, and all clients are disconnected at once. This cannot be undone.`,
    created: (name: string) => `Load balancer ${name} has been created.`,
    saved: (name: string) => `Load balancer ${name} has been saved.`,
    removed: (name: string) => `Load balancer ${name} has been deleted.`,
    empty: "There are no load balancers yet.",
    emptyHint: "Create one, then add listeners and backend servers to it.",
    nothingFound: "No load balancer matches.",
    search: "Find by name or address",
    failed: "The load balancer could not be set up",
    tabs: { overview: "Overview", listeners: "Listeners", pools: "Backend server groups", monitoring: "Monitoring" },
  },

  listener: {
    add: "Add listener",
    edit: (name: string) => `Edit listener ${name}`,
    remove: (name: string) => `Delete listener ${name}`,
    removeAsk: "Clients on this port are disconnected at once. The backend server group is kept. This cannot be undone.",
    defaultPool: "Backend server group",
    noPool: "None",
    certificate: "Certificate",
    certificateHint:
      "The name of a certificate in the daemon's certificate directory: NAME for NAME.pem and NAME.key.",
    added: (name: string) => `Listener ${name} has been added.`,
    saved: (name: string) => `Listener ${name} has been saved.`,
    removed: (name: string) => `Listener ${name} has been deleted.`,
    empty: "There are no listeners yet.",
    emptyHint: "Add one to set the protocol and port that clients connect to.",
    step: "Listener",
    layer: (layer: number) => `layer ${layer}`,
    newPool: "New backend server group",
    existingPool: "Existing backend server group",
    whichPool: "Send clients to",
    noFitting: "There is no backend server group with a matching protocol yet.",
    review: "Review",
    reviewHint: "Nothing has been created yet. Everything is created in one step, or nothing is.",
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
      `${count(members, "backend server is", "backend servers are")} deleted with it, and the sessions of the group end. This cannot be undone.`,
    members: "Backend servers",
    persistence: "Session persistence",
    listeners: "Listeners",
    added: (name: string) => `Backend server group ${name} has been added.`,
    saved: (name: string) => `Backend server group ${name} has been saved.`,
    removed: (name: string) => `Backend server group ${name} has been deleted.`,
    empty: "There are no backend server groups yet.",
    emptyHint: "Add one: it contains backend servers, and sets how clients are balanced over them and kept on them.",
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
      `${low.toLocaleString("en")} to ${high.toLocaleString("en")}; ${usual} by default. Counted from the last request or packet of the session.`,
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
      SOURCE_IP: "All traffic from one address goes to one server.",
      HTTP_COOKIE: "The load balancer sets a cookie; requests that carry it go to the same server.",
      APP_COOKIE: "Your application sets a cookie; requests that carry its value go to the server that made it.",
    },
    lost: {
      SOURCE_IP: "Lost when the client's source address changes, or the client stays away longer than the duration.",
      HTTP_COOKIE: "Lost when a request comes without the cookie, or the client stays away longer than the duration.",
      APP_COOKIE: "Lost when a request comes without the cookie, or the client stays away longer than the duration.",
    },
    notWithSourceIp: "Not needed here: the source IP algorithm already keeps each client on its server.",
    notOffered: "This protocol has no session persistence.",
    notOfferedType: "Set outside the console, which does not offer it.",
    advice: {
      SOURCE_IP: {
        title: "Clients behind a private line, VPN or interconnection?",
        text: "They share few source addresses, so a few servers would get them all. Use the source IP algorithm for them instead of session persistence.",
      },
      HTTP_COOKIE: {
        title: "Clients that keep no cookies?",
        text: "Scripts and some API clients do not send the cookie back, so each of their requests is balanced anew. Use the source IP algorithm for them instead of session persistence. Clients that do are told apart also behind a private line or VPN.",
      },
      APP_COOKIE: {
        title: "Clients that have no cookie yet?",
        text: "Until your application has set its cookie and the client sends it back, each request is balanced anew. Choose the load balancer cookie to hold clients from their first request on. Either tells clients apart also behind a private line or VPN.",
      },
    },
    lasts: (minutes: number, seconds: number) =>
      seconds === 0 ? count(minutes, "minute", "minutes") : `${minutes} min ${seconds} s`,
    atMost: (duration: string) => `at most ${duration}`,
  },

  member: {
    add: "Add backend server",
    edit: (name: string) => `Edit ${name}`,
    drain: (name: string) => `Drain ${name}`,
    drainAsk:
      "Its weight becomes 0: it keeps its sessions and gets no new ones. Give it a weight again to bring it back.",
    drained: (name: string) => `${name} is being drained.`,
    remove: (name: string) => `Remove ${name}`,
    removeAsk: "Its sessions move to the other backend servers. To let them end first, drain it instead.",
    added: (name: string) => `${name} has been added.`,
    saved: (name: string) => `${name} has been saved.`,
    removed: (name: string) => `${name} has been removed.`,
    empty: "There are no backend servers yet.",
    emptyHint: "Add the servers that traffic goes to, each with its address and port.",
    search: "Find by name or address",
    anyState: "Any status",
    nothingFound: "No backend server matches.",
    health: "Health",
    sessions: "Sessions",
    open: "Open",
    weightHint: (low: number, high: number) =>
      `${low} to ${high}. 0 drains it: it keeps its sessions and gets no new ones.`,
    up: (up: number, all: number) => `${up} of ${all} up`,
    noneYet: "none yet",
    removeRow: (n: number) => `Remove backend server ${n}`,
    later: "You can add more later, and set names and weights.",
    unused: "unused: no listener sends traffic to it",
    reason: {
      ONLINE: "passes its health checks",
      ERROR: "fails its health checks; its sessions move to others",
      OFFLINE: "switched off",
      DRAINING: "weight 0: keeps its sessions, gets no new ones",
      NO_MONITOR: "no health check: treated as up",
      DEGRADED: "passes some of its health checks",
    },
  },

  health: {
    title: "Health check",
    add: "Add health check",
    edit: "Edit health check",
    remove: "Delete health check",
    removeAsk: "All backend servers are then treated as up, whether they answer or not.",
    none: "There is no health check: every backend server is treated as up.",
    enable: "Check the health of backend servers",
    type: "Type",
    delay: "Interval (seconds)",
    timeout: "Timeout (seconds)",
    timeoutBeyondDelay: "No longer than the interval: each check ends before the next one begins.",
    maxRetries: "Healthy threshold",
    maxRetriesDown: "Unhealthy threshold",
    method: "HTTP method",
    path: "Path",
    codes: "Expected status codes",
    saved: "The health check has been saved.",
    removed: "The health check has been deleted.",
    summary: (type: string, delay: number, timeout: number) => `${type} every ${delay} s, timeout ${timeout} s`,
  },

  ...watching,
};

export type Text = typeof en;
