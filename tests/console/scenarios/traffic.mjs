// What is said of a load balancer and of what passes through it: the truth, which is what the API says, and at once.
import assert from "node:assert/strict";
import { api, details, eventually, named, numberIn, remember, rows } from "../reading.mjs";
import { besides, openBalancer, openGroup } from "../steps.mjs";

const OPERATING = {
  ONLINE: "Online",
  OFFLINE: "Offline",
  DEGRADED: "Degraded",
  ERROR: "Error",
  DRAINING: "Draining",
  NO_MONITOR: "Not checked",
};
const PROVISIONING = { ACTIVE: "Active", PENDING_UPDATE: "Updating", ERROR: "Failed" };
/** Every half a minute there is something new to be drawn, and it is looked for as often. */
const DRAWN_WITHIN_MS = 120_000;

/** What the table of that name says of these columns. */
async function says(page, name, columns) {
  const all = await rows(page.getByRole("table", { name, exact: true }));
  return all.map((row) => columns.map((column) => row[column]?.split("\n")[0]));
}

/** How many of a group's backend servers take clients. */
async function upOf(visit, { id }) {
  const { members } = await api(visit, `/pools/${id}/members`);
  const up = members.filter(({ operating_status: state }) => !["ERROR", "OFFLINE", "DRAINING"].includes(state));
  return `${up.length} of ${members.length} up`;
}

/** Each page says what the API says; returns what that is of the load balancer. */
export async function truth(visit) {
  const { page, url, words, groups } = visit;
  const balancer = () => named(visit, "/loadbalancers", "web");
  const below = async (path) => (await api(visit, path))[path.slice(1)];
  const stateOf = ({ operating_status, provisioning_status }) => [
    OPERATING[operating_status],
    PROVISIONING[provisioning_status],
  ];

  await page.goto(url);
  const columns = ["Name", "Virtual IP address", "Operating status", "Provisioning status", "Listeners"];
  await eventually("the list", async () => {
    const { name, vip_address: vip, listeners, ...head } = await balancer();
    assert.deepEqual(await says(page, "Load balancers", columns), [[name, vip, ...stateOf(head), `${listeners.length}`]]);
  });

  await openBalancer(visit, "web");
  await eventually("the overview", async () => {
    const { id, vip_address: vip, description, listeners, pools, created_at, ...head } = await balancer();
    const said = await details(page.getByRole("region", { name: "Overview" }));
    assert.equal(said["Virtual IP address"], vip);
    assert.equal(said.Description, description);
    assert.deepEqual([said.Listeners, said["Backend server groups"]], [`${listeners.length}`, `${pools.length}`]);
    assert.equal(said.ID, id);
    const style = { dateStyle: "medium", timeStyle: "medium" };
    assert.equal(said.Created, new Date(`${created_at}Z`).toLocaleString("en-US", style));
    const header = page.getByRole("heading", { name: "web", level: 1 }).locator("..");
    const facts = (await header.innerText()).split(/\n+/).map((fact) => fact.trim());
    for (const fact of [vip, ...stateOf(head)]) assert.ok(facts.includes(fact), `${fact} in ${facts}`);
  });

  const ofPath = ["Listener", "Protocol:Port", "Status", "Backend server group", "Backend servers", "Sessions"];
  await eventually("where clients are led", async () => {
    const { traffic } = await api(visit, `/loadbalancers/${(await balancer()).id}/traffic`);
    const pools = await below("/pools");
    const ways = (await below("/listeners")).map(async ({ name, protocol, protocol_port, default_pool_id, ...head }) => {
      const pool = pools.find(({ id }) => id === default_pool_id);
      const { sessions } = traffic.pools.find(({ id }) => id === pool.id);
      return [
        name,
        `${protocol}:${protocol_port}`,
        OPERATING[head.operating_status],
        pool.name,
        await upOf(visit, pool),
        sessions?.now?.toLocaleString("en") ?? "–",
      ];
    });
    assert.deepEqual(await says(page, "Where traffic goes", ofPath), await Promise.all(ways));
  });

  await page.getByRole("tab", { name: words.tabs.listeners }).click();
  const ofListener = ["Name", "Protocol:Port", "Backend server group", "Operating status", "Provisioning status"];
  await eventually("the listeners", async () => {
    const pools = await below("/pools");
    const wanted = (await below("/listeners")).map(({ name, protocol, protocol_port, default_pool_id, ...head }) => [
      name,
      `${protocol}:${protocol_port}`,
      pools.find(({ id }) => id === default_pool_id).name,
      ...stateOf(head),
    ]);
    assert.deepEqual(await says(page, "Listeners", ofListener), wanted);
  });

  await page.getByRole("tab", { name: words.tabs.groups }).click();
  const ofGroup = ["Name", "Protocol", "Session persistence", "Listeners", "Backend servers", "Sessions", "Status"];
  await eventually("the groups", async () => {
    const { traffic } = await api(visit, `/loadbalancers/${(await balancer()).id}/traffic`);
    const listeners = await below("/listeners");
    const wanted = (await below("/pools")).map(async (pool) => [
      pool.name,
      pool.protocol,
      groups[pool.name],
      pool.listeners.map((one) => listeners.find(({ id }) => id === one.id).name).join(", "),
      await upOf(visit, pool),
      traffic.pools.find(({ id }) => id === pool.id).sessions?.now?.toLocaleString("en") ?? "–",
      OPERATING[pool.operating_status],
    ]);
    assert.deepEqual(await says(page, "Backend server groups", ofGroup), await Promise.all(wanted));
  });

  for (const name of Object.keys(groups)) {
    await openBalancer(visit, "web");
    await openGroup(visit, name);
    await eventually("the backend servers", async () => {
      const { members } = await api(visit, `/pools/${(await named(visit, "/pools", name)).id}/members`);
      const wanted = members.map((member) => [
        member.name,
        `${member.address}:${member.protocol_port}`,
        `${member.weight}`,
        OPERATING[member.operating_status],
      ]);
      assert.deepEqual(await says(page, "Backend servers", ["Name", "Address", "Weight", "Health"]), wanted);
    });
  }
  return (await balancer()).operating_status;
}

/** What each lane says, and how long its bars are, in hundredths. */
function lanes(region) {
  return region.getByRole("listitem").evaluateAll((items) =>
    items.map((item) => {
      const bars = [...item.querySelectorAll("[aria-hidden=true]")].filter((bar) => bar.firstElementChild);
      const drawn = bars.map((bar) => bar.firstElementChild.getBoundingClientRect().width / bar.getBoundingClientRect().width);
      const said = [...item.innerText.matchAll(/Share of (sessions|new traffic):\s*([0-9.]+)%/g)];
      return {
        member: item.innerText.split("\n")[0].trim(),
        ...Object.fromEntries(said.map(([, what, share]) => [what, Number(share)])),
        drawn: drawn.map((part) => Math.round(part * 100)),
      };
    }),
  );
}

/** Who is held where, once so many clients have come, and to whom new ones go: as the API has it, and as it ought to be. */
export async function shares(visit) {
  const { page, group, clients, expected } = visit;
  await openBalancer(visit, "web");
  await openGroup(visit, group);
  const region = page.getByRole("region", { name: "Session distribution" });
  await region.getByRole("listitem").first().waitFor();
  console.log("watching");
  const { id } = await named(visit, "/loadbalancers", "web");
  const pool = await named(visit, "/pools", group);
  const { members } = await api(visit, `/pools/${pool.id}/members`);
  await eventually("the shares", async () => {
    const { traffic } = await api(visit, `/loadbalancers/${id}/traffic`);
    const counted = traffic.pools.find((one) => one.id === pool.id).members;
    const held = Object.fromEntries(
      members.map((member) => [member.name, counted.find((one) => one.id === member.id).sessions]),
    );
    const all = Object.values(held).reduce((sum, count) => sum + count, 0);
    assert.equal(all, clients);
    const shown = await lanes(region);
    assert.deepEqual(
      shown,
      Object.entries(expected).map(([member, [share, fresh]]) => ({
        member,
        sessions: share,
        "new traffic": fresh,
        drawn: [share, fresh],
      })),
    );
    const parts = members.map(({ name }) => Math.round((held[name] * 100) / all));
    assert.deepEqual(shown.map((lane) => lane.sessions), parts);
    const sessions = await says(page, "Backend servers", ["Name", "Sessions"]);
    assert.deepEqual(Object.fromEntries(sessions.map(([name, count]) => [name, numberIn(count)])), held);
  });
}

const digits = (value) => (value >= 100 || Number.isInteger(value) ? 0 : value >= 10 ? 1 : 2);
const written = (value) => value.toLocaleString("en", { maximumFractionDigits: digits(value) });

/** What is said of a series of the API's. */
function described(values) {
  const known = values.filter((value) => value !== null);
  const [least, most, last] = [Math.min(...known), Math.max(...known), known.at(-1)];
  return `From ${written(least)} to ${written(most)}, latest ${written(last)}.`;
}

/** A line is drawn, and what it shows is what the API knows of the last hour. */
async function isDrawn(visit, id, title, series) {
  const { page } = visit;
  const drawn = page.getByRole("img", { name: new RegExp(`${title}[:,]`) });
  await eventually(`${title} to be drawn`, async () => {
    const { history } = await api(visit, `/history?loadbalancer_id=${id}`);
    const { [series]: values } = history.objects[0].series;
    assert.ok(values?.some((value) => value > 0), "something has passed");
    const said = `${await drawn.getAttribute("aria-label")} ${await drawn.textContent()}`;
    assert.ok(said.includes(described(values)), `${said} says ${described(values)}`);
    const paths = await drawn.locator("path").evaluateAll((all) => all.map((path) => path.getAttribute("d")));
    const points = paths.at(-1).match(/[ML]/g)?.length;
    assert.equal(points, values.filter((value) => value !== null).length, "its line goes through all that is known");
  }, DRAWN_WITHIN_MS);
}

/** While clients come all that is counted changes, on each page, without anybody loading one again. */
export async function liveCounts(visit) {
  const { url, words, group, listeners } = visit;
  const { id } = await named(visit, "/loadbalancers", "web");
  const [list, overview, monitoring, held] = [visit, ...(await Promise.all([1, 2, 3].map(() => besides(visit))))];
  await list.page.goto(url);
  await list.page.getByRole("link", { name: "web", exact: true }).waitFor();
  await openBalancer(overview, "web");
  await eventually("nobody to come yet", async () => {
    const fresh = await says(overview.page, "Where traffic goes", ["Traffic"]);
    assert.deepEqual(fresh.map(([count]) => numberIn(count)), listeners.map(() => 0));
  });
  await openBalancer(monitoring, "web", "monitoring");
  const rates = async () => {
    const said = await rows(monitoring.page.getByRole("table", { name: "Now, by listener" }));
    return Object.fromEntries(said.map((row) => [row.Listener, row]));
  };
  await eventually("nothing to pass yet", async () =>
    assert.deepEqual(
      Object.values(await rates()).map((row) => [numberIn(row["Conn./s"]), numberIn(row.In)]),
      listeners.map(() => [0, 0]),
    ),
  );
  await openBalancer(held, "web");
  await openGroup(held, group);
  const sessions = held.page.getByRole("region", { name: words.sessions });
  const counts = async () => {
    const said = Object.entries(await details(sessions)).map(([term, count]) => [term, numberIn(count)]);
    return Object.fromEntries(said);
  };
  await eventually("the sessions that there are", async () => assert.ok((await counts()).Now > 0));
  const { Now: before } = await counts();
  const areTheSame = await Promise.all([list, overview, monitoring, held].map(({ page }) => remember(page)));

  console.log("watching");
  await Promise.all([
    isDrawn(list, id, "web, Requests per second", "requests_per_s"),
    eventually("what the number beside the line counts", async () => {
      const [row] = await rows(list.page.getByRole("table"));
      assert.match(row.Traffic, /^[0-9.,]+ requests\/s$/);
    }),
    isDrawn(overview, id, "New connections per second", "connections_per_s"),
    isDrawn(overview, id, "Requests per second", "requests_per_s"),
    eventually("what comes by each way", async () => {
      const fresh = await says(overview.page, "Where traffic goes", ["Traffic"]);
      assert.ok(fresh.length > 0 && fresh.every(([count]) => numberIn(count) > 0), `${fresh} new ones`);
      const units = fresh.map(([count]) => count.split(" ")[1]);
      assert.deepEqual(units.toSorted(), ["connections/s", "requests/s"]);
    }),
    eventually("what each listener does", async () => {
      const said = await rates();
      const { pages } = said;
      for (const row of Object.values(said)) assert.ok(numberIn(row["Conn./s"]) > 0 && numberIn(row.In) > 0, "clients");
      assert.ok(numberIn(pages["Req./s"]) > 0, "requests");
    }),
    eventually("sessions that come and are held", async () => {
      const said = await counts();
      assert.ok(said.Now > before && said["Created/s"] > 0 && said["Held/s"] > 0, JSON.stringify(said));
      const members = await says(held.page, "Backend servers", ["Conn./s"]);
      assert.ok(members.every(([fresh]) => numberIn(fresh) > 0), `${members} new ones`);
    }),
  ]);
  for (const isTheSame of areTheSame) await isTheSame();

  // Another page goes on with what the one before it knew: at once, not with the next look.
  await overview.page.getByRole("tab", { name: words.tabs.monitoring }).click();
  const next = overview.page.getByRole("table", { name: "Now, by listener" });
  const [row] = await rows(next);
  assert.notEqual(numberIn(row["Conn./s"]), null, JSON.stringify(row));
}
