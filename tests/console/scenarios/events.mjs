// What has happened, as the page of events tells it.
import assert from "node:assert/strict";
import { api, eventually, named, rows } from "../reading.mjs";
import { openEvents } from "../steps.mjs";

/** What happened before the page was opened is there, and what happens then comes by itself. */
export async function events(visit) {
  const { page, url, name } = visit;
  await page.goto(url);
  await openEvents(visit);
  const shown = page.getByRole("table").getByRole("row", { name: new RegExp(name) });
  await shown.first().waitFor();
  const before = await shown.count();
  console.log("watching");
  await page.waitForFunction((least) => document.querySelectorAll("tbody tr").length > least, before);
}

const KINDS = {
  "Load balancer": "load_balancer",
  Listener: "listener",
  "Backend server group": "pool",
  "Backend server": "member",
  "Health check": "health_monitor",
};

/** Only the events of one kind, where that is chosen: all of them, and those that come later too. */
export async function eventsOfOneKind(visit) {
  const { page, url } = visit;
  await page.goto(url);
  await openEvents(visit);
  const table = page.getByRole("table");
  const which = async () => (await rows(table)).map((row) => row.Which);
  const kind = page.getByLabel("Kind");
  for (const [label, word] of Object.entries(KINDS)) {
    await kind.selectOption({ label });
    await eventually(`the events of each ${label}`, async () => {
      const { events: all } = await api(visit, "/events/latest");
      const wanted = all.filter((event) => event.kind === word).map(({ name, id }) => `${label} ${name || id.slice(0, 8)}`);
      assert.ok(wanted.length > 0, `there are some of a ${label}`);
      assert.deepEqual(await which(), wanted);
    });
  }

  await kind.selectOption({ label: "Listener" });
  const before = await which();
  const pool = await named(visit, "/pools", "pages");
  const listener = await named(visit, "/listeners", "http");
  await api(visit, `/pools/${pool.id}`, "PUT", { pool: { description: "other" } });
  await api(visit, `/listeners/${listener.id}`, "PUT", { listener: { description: "other" } });
  await eventually("what has happened meanwhile", async () => assert.ok((await which()).length > before.length));
  assert.ok((await which()).every((said) => said === "Listener http"));

  await kind.selectOption({ label: "Forwarding rule" });
  await table.waitFor({ state: "detached" });
  // Of this kind there was nothing; of others there was.
  assert.equal(await page.getByText("Nothing has changed since the daemon was started.").count(), 0);
  await kind.selectOption({ label: "All kinds" });
  await table.waitFor();
  const { events: all } = await api(visit, "/events/latest");
  assert.equal((await which()).length, all.length);
}
