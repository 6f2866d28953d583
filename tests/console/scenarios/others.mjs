// More than one person, or one in more than one tab, and what is somebody else's to change: the configuration file's.
import assert from "node:assert/strict";
import { api, describedBy, eventually, named, remember } from "../reading.mjs";
import { besides, confirm, discard, openBalancer, openGroup, openSettings, press, signIn } from "../steps.mjs";

/** Somebody else changes a group while its settings are open: nothing of theirs is lost, and nothing that was typed here. */
export async function lostUpdate(visit) {
  const { page, words, tolerate } = visit;
  tolerate(412);
  const theirs = await besides(visit);
  await openBalancer(visit, "web", "groups");
  const dialog = await openSettings(visit, "pages");
  const name = dialog.getByLabel(words.name, { exact: true });
  await name.fill("typed here");
  await dialog.getByRole("switch", { name: words.persistence }).check();
  await dialog.getByLabel(words.duration).fill("33");

  await openBalancer(theirs, "web", "groups");
  const their = await openSettings(theirs, "pages");
  await their.getByLabel(words.algorithm).selectOption({ label: words.leastConnections });
  await confirm(their, words);

  await press(dialog, words.ok);
  await dialog.getByRole("alert").getByText("Somebody else has changed this in the meantime").waitFor();
  assert.equal(await name.inputValue(), "typed here");
  assert.equal(await dialog.getByLabel(words.duration).inputValue(), "33");
  const chosen = dialog.getByLabel(words.algorithm).locator("option:checked");
  await eventually("what they have changed to be seen", async () =>
    assert.equal(await chosen.innerText(), words.leastConnections),
  );
  await confirm(dialog, words);
  await page.getByRole("link", { name: "typed here", exact: true }).waitFor();
}

/** Somebody else deletes what is being changed: that is said, and nothing is made of it. Its page leads to what there is. */
export async function gone(visit) {
  const { page, url, words, tolerate } = visit;
  tolerate(404);
  const theirs = await besides(visit);
  await openBalancer(visit, "web", "groups");
  const balancer = await named(visit, "/loadbalancers", "web");
  const pool = await named(visit, "/pools", "pages");
  const dialog = await openSettings(visit, "pages");
  await dialog.getByLabel(words.name, { exact: true }).fill("typed here");
  await openBalancer(theirs, "web", "groups");
  await press(theirs.page, "Delete backend server group pages");
  await press(theirs.page.getByRole("alertdialog"), "Delete backend server group pages");
  await theirs.page.getByText("There are no backend server groups yet.").waitFor();
  await press(dialog, words.ok);
  await dialog.getByRole("alert").getByText(/no longer exists/).waitFor();
  await discard(visit);
  await page.getByText("There are no backend server groups yet.").waitFor();

  await page.goto(`${url}#/loadbalancers/${balancer.id}/pools/${pool.id}`);
  await page.getByRole("heading", { name: "This does not exist" }).waitFor();
  await page.getByRole("link", { name: `Go to: ${words.tabs.groups}` }).click();
  await page.getByText("There are no backend server groups yet.").waitFor();
  await api(visit, `/loadbalancers/${balancer.id}`, "DELETE");
  await page.getByRole("heading", { name: "This does not exist" }).waitFor();
  await page.getByRole("link", { name: "Go to: Load balancers" }).click();
  await page.getByText("There are no load balancers yet.").waitFor();
}

/** Who leaves in one tab has left in the others too, and comes again in any. */
export async function signedOutElsewhere(visit) {
  const { page, url, tolerate, name, password } = visit;
  tolerate(401);
  await page.goto(url);
  await signIn(page, name, password);
  await page.getByRole("link", { name: "web", exact: true }).waitFor();
  const isTheSame = await remember(page);

  const other = await besides(visit);
  await other.page.goto(url);
  await press(other.page, "Sign out");
  for (const tab of [other, visit]) await tab.page.getByRole("heading", { name: "Sign in" }).waitFor();
  await signIn(page, name, password);
  await page.getByRole("link", { name: "web", exact: true }).waitFor();
  await isTheSame();
}

/** Whose time is over is asked before anything else, and goes on then where they were. */
export async function sessionEnds(visit) {
  const { page, url, words, tolerate, name, password } = visit;
  tolerate(401);
  await page.goto(url);
  await signIn(page, name, password);
  await page.getByRole("link", { name: "web", exact: true }).waitFor();
  await openBalancer(visit, "web", "groups");
  const dialog = await openSettings(visit, "pages");
  await dialog.getByLabel(words.name, { exact: true }).fill("typed before");
  const isTheSame = await remember(page);

  // Not by the page, which so does not know of it.
  const session = new URL("/console/session", url).href;
  assert.ok((await page.request.delete(session, { headers: { "X-Holdfast-Console": "1" } })).ok());
  const asked = page.getByRole("dialog", { name: "Sign in" });
  await asked.getByText("Your session has ended.").waitFor();
  // A browser asks a page once or twice whether a dialog may go, and then closes it all the same: also what is below it.
  for (let times = 0; times < 9; times += 1) await page.keyboard.press("Escape");
  const isBeforeAll = (element) => element.open && element.matches(":modal");
  await asked.waitFor();
  assert.ok(await asked.evaluate(isBeforeAll), "it stays before everything else");
  await signIn(asked, name, password);
  await asked.waitFor({ state: "detached" });
  assert.equal(await dialog.getByLabel(words.name, { exact: true }).inputValue(), "typed before");
  await confirm(dialog, words);
  await page.getByRole("link", { name: "typed before", exact: true }).waitFor();
  await isTheSame();
}

/** It is there to be seen and cannot be pressed, and says why. */
async function isGreyedOut(button) {
  await button.waitFor();
  const name = (await button.getAttribute("aria-label")) ?? (await button.innerText());
  const state = await button.evaluate((element) => element.disabled || element.getAttribute("aria-disabled") === "true");
  assert.ok(state, `${name} is greyed out`);
  assert.match(await describedBy(button), /holdfast\.toml/, `why ${name} is`);
}

/** What the configuration file declares is changed there: all that would change it is greyed out, with the reason. */
export async function declared(visit) {
  const { page, url, words, sent } = visit;
  const greyed = async (...names) => {
    for (const name of names) {
      const link = page.getByRole("link", { name, exact: true });
      await isGreyedOut(page.getByRole("button", { name, exact: true }).or(link));
    }
  };
  await page.goto(url);
  await page.getByRole("link", { name: "fixed", exact: true }).waitFor();
  await greyed("Delete load balancer fixed");
  await openBalancer(visit, "fixed");
  await greyed("Edit", "Delete load balancer fixed");
  await page.getByRole("tab", { name: words.tabs.listeners }).click();
  await greyed(words.addListener, "Edit listener lines", "Delete listener lines");
  await page.getByRole("tab", { name: words.tabs.groups }).click();
  await page.getByRole("link", { name: "fixed", exact: true }).waitFor();
  await greyed(words.addGroup, words.settings("fixed"), "Delete backend server group fixed");
  await openGroup(visit, "fixed");
  await greyed(words.settings("fixed"), "Delete backend server group fixed", words.addMember);
  await greyed("Edit one", "Drain one", "Remove one", "Edit health check", "Delete health check");
  assert.deepEqual(sent(), []);

  // Others stay as they were.
  await openBalancer(visit, "web", "groups");
  await (await openSettings(visit, "pages")).getByLabel(words.name, { exact: true }).fill("renamed");
  await confirm(page.getByRole("dialog"), words);
  await page.getByRole("link", { name: "renamed", exact: true }).waitFor();
}
