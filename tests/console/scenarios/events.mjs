// What has happened, as the page of events tells it.
import assert from "node:assert/strict";
import { api, eventually, named, rows } from "../reading.mjs";
import { openEvents } from "../steps.mjs";

/** What happened before the page was opened is there, and what happens then comes by itself: a row for each, with the reason. */
export async function events(visit) {
  const { page, url, group, member } = visit;
  await page.goto(url);
  await openEvents(visit);
  const said = async () => (await rows(page.getByRole("table"))).map((row) => [row.Object, row["What happened"]]);
  const before = await said();
  assert.deepEqual(before[0], ["Load balancer web", "Created"]);
  console.log("watching");
  await eventually("what happens", async () =>
    assert.deepEqual((await said()).slice(0, -before.length), [
      ["Load balancer web", "Degraded"],
      [`Listener ${group}`, "Degraded"],
      [`Backend server group ${group}`, "Degraded"],
      [`Backend server ${member}`, "Failed\n\nconnection refused"],
      [`Backend server group ${group}`, "Updated"],
    ]),
  );
  await page.getByRole("link", { name: member, exact: true }).first().click();
  await page.getByRole("heading", { name: group, exact: true }).waitFor();

  // What is gone by now has no page, whatever happened to it before.
  const pool = await named(visit, "/pools", group);
  await openEvents(visit);
  await api(visit, `/pools/${pool.id}`, "DELETE");
  const ofMember = page.getByRole("rowheader", { name: `Backend server ${member}`, exact: true });
  await eventually("who is gone with the group", async () =>
    assert.ok((await said()).some(([which, what]) => which === `Backend server ${member}` && what === "Deleted")),
  );
  assert.equal(await ofMember.count(), 3);
  assert.equal(await ofMember.getByRole("link").count(), 0);
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
  const which = async () => (await rows(table)).map((row) => row.Object);
  const kind = page.getByLabel("Type");
  for (const [label, word] of Object.entries(KINDS)) {
    await kind.selectOption({ label });
    await eventually(`the events of each ${label}`, async () => {
      const { events: all } = await api(visit, "/events/latest");
      const called = ({ name, address, protocol_port }) => name || `${address}:${protocol_port}`;
      const wanted = all.filter((event) => event.kind === word).map((event) => `${label} ${called(event)}`);
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
  assert.equal(await page.getByText("There have been no events since the daemon started.").count(), 0);
  await kind.selectOption({ label: "All types" });
  await table.waitFor();
  const { events: all } = await api(visit, "/events/latest");
  assert.equal((await which()).length, all.length);
}
