// Backend servers and their health checks, which are added, changed and taken away.
import assert from "node:assert/strict";
import { details, eventually, rows } from "../reading.mjs";
import { addListener, addMember, confirm, createBalancer, openBalancer, openGroup, press } from "../steps.mjs";

const checked = (page) => page.getByRole("region", { name: "Health check" });

async function open(visit) {
  await openBalancer(visit, "web");
  await openGroup(visit, visit.group);
}

/** What the page says of the health check, by what it calls that. */
async function saysOfHealth({ page }, wanted) {
  await eventually("the health check as it is", async () => {
    const said = await details(checked(page));
    assert.deepEqual(Object.fromEntries(Object.keys(wanted).map((term) => [term, said[term]])), wanted);
  });
}

async function fill(form, fields) {
  for (const [label, value] of Object.entries(fields)) {
    const field = form.getByLabel(label, { exact: true });
    if (label === "Type" || label === "HTTP method") await field.selectOption(value);
    else await field.fill(value);
  }
}

/** A listener with its group, whose health check is added in the same wizard, and backend servers. */
export async function buildChecked(visit) {
  const { page, words, vip, listener, check, members } = visit;
  await createBalancer(visit, "web", vip);
  await addListener(visit, listener, async () => {
    await page.getByLabel(words.algorithm).selectOption({ label: "Weighted round robin" });
    await page.getByRole("switch", { name: "Check the health of backend servers" }).check();
    await fill(page, check);
  });
  await openGroup(visit, listener.group);
  await saysOfHealth(visit, { Type: check.Type, "Interval (seconds)": check["Interval (seconds)"] });
  for (const member of members) await addMember(visit, member);
  await isSaid({ ...visit, states: Object.fromEntries(members.map(({ name }) => [name, "Online"])) });
}

/** What the page says of the health of each backend server, without being loaded again. */
async function isSaid({ page, states }) {
  const table = page.getByRole("table", { name: "Backend servers" });
  await eventually("the health of the backend servers", async () => {
    const said = (await rows(table)).map(({ Name, Health }) => [Name, Health.split("\n")[0]]);
    assert.deepEqual(Object.fromEntries(said), states);
  });
}

export async function healthIs(visit) {
  await open(visit);
  await isSaid(visit);
}

/** Changes some of a health check, and sees what it finds then. */
export async function changeHealth(visit) {
  const { page, words, check, shown, states } = visit;
  await open(visit);
  await press(page, "Edit health check");
  await fill(page.getByRole("dialog"), check);
  await confirm(page.getByRole("dialog"), words);
  await saysOfHealth(visit, shown);
  await isSaid({ page, states });
}

/** Takes the health check away; all are taken as up then. */
export async function removeHealth(visit) {
  const { page, states } = visit;
  await open(visit);
  await press(page, "Delete health check");
  await press(page.getByRole("alertdialog"), "Delete health check");
  await checked(page).getByText(/There is no health check/).waitFor();
  await isSaid({ page, states });
}

/** Adds one to a group that is there, and sees what it finds. */
export async function addHealth(visit) {
  const { page, words, check, shown, states } = visit;
  await open(visit);
  await press(page, "Add health check");
  await fill(page.getByRole("dialog"), check);
  await confirm(page.getByRole("dialog"), words);
  await saysOfHealth(visit, shown);
  await isSaid({ page, states });
}

/** Another weight and another name. */
export async function editMember(visit) {
  const { page, words, member, name, weight } = visit;
  await open(visit);
  await press(page, `Edit ${member}`);
  await fill(page.getByRole("dialog"), { [words.name]: name, Weight: String(weight) });
  await confirm(page.getByRole("dialog"), words);
  await eventually("the weight that it has now", async () => {
    const all = await rows(page.getByRole("table", { name: "Backend servers" }));
    assert.equal(all.find((row) => row.Name === name)?.Weight, String(weight));
  });
}

/** One goes, once that is confirmed. */
export async function removeMember(visit) {
  const { page, words, member } = visit;
  await open(visit);
  const row = page.getByRole("rowheader", { name: member, exact: true });
  await press(page, `Remove ${member}`);
  await press(page.getByRole("alertdialog"), words.cancel);
  await row.waitFor();
  await press(page, `Remove ${member}`);
  await press(page.getByRole("alertdialog"), `Remove ${member}`);
  await row.waitFor({ state: "detached" });
}
