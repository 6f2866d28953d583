// What operators do every day: look who is held where, let go of a session, drain, and watch things change by themselves.
import assert from "node:assert/strict";
import { eventually } from "../reading.mjs";
import { confirm, openBalancer, openGroup, openSettings, press } from "../steps.mjs";

/** The client that is held is listed, found, and dropped. */
export async function dropSession(visit) {
  const { page, words, group, client } = visit;
  await openBalancer(visit, "web");
  await openGroup(visit, group);
  const sessions = page.getByRole("region", { name: words.sessions });
  await sessions.getByLabel(words.clientSought).fill(client);
  await press(sessions, "Search");
  await press(sessions, words.drop(client));
  await press(page.getByRole("alertdialog"), words.drop(client));
  await sessions.getByText("No session matches.").waitFor();
}

/** The health of a server changes without anybody loading the page again, once it is watched. */
export async function watchHealth(visit) {
  const { page, group, member, state } = visit;
  await openBalancer(visit, "web");
  await openGroup(visit, group);
  await page.getByText("Live", { exact: true }).waitFor();
  const row = page.getByRole("row", { name: new RegExp(member) });
  console.log("watching");
  await row.getByText(state).waitFor();
}

/** Counts that grow by themselves: the sessions of a group, as its page and the picture of who is held where tell them. */
export async function watchSessions(visit) {
  const { page, group, members } = visit;
  await openBalancer(visit, "web");
  await openGroup(visit, group);
  console.log("watching");
  await page.getByRole("region", { name: "Live sessions" }).getByText(/[1-9][0-9]* sessions?/).waitFor();
  const lanes = page.getByRole("region", { name: "Session distribution" });
  for (const member of members) await lanes.getByText(member).first().waitFor();
}

/** A server is drained: it has weight 0 then, and says what that means. */
export async function drain(visit) {
  const { page, group, member } = visit;
  await openBalancer(visit, "web");
  await openGroup(visit, group);
  const row = page.getByRole("row", { name: new RegExp(member) });
  await row.getByRole("button", { name: /^Drain / }).click();
  await page.getByRole("alertdialog").getByRole("button", { name: /^Drain / }).click();
  await row.getByText("Draining").waitFor();
}

/** The last hour is drawn as soon as something is known of it. */
export async function history(visit) {
  const { page, words } = visit;
  await openBalancer(visit, "web", "monitoring");
  // Every half a minute there is something new to be drawn, and it is looked for as often.
  await page.getByRole("img", { name: /New connections per second/ }).waitFor({ timeout: 120_000 });
}

/** Load balancers by a part of what they are called, or of where they are. */
export async function findBalancers(visit) {
  const { page, url, all, sought } = visit;
  await page.goto(url);
  const names = page.getByRole("rowheader");
  const shows = (wanted) =>
    eventually(`${wanted} to be shown`, async () => assert.deepEqual((await names.allInnerTexts()).toSorted(), wanted));
  await shows(all);
  for (const [text, found] of Object.entries(sought)) {
    await page.getByLabel("Find by name or address").fill(text);
    await press(page, "Search");
    await shows(found);
    await press(page, "Clear");
    await shows(all);
  }
}

/** Only those that fail, as they begin to and end to by themselves. */
export async function watchFailing(visit) {
  const { page, group, member } = visit;
  await openBalancer(visit, "web");
  await openGroup(visit, group);
  await page.getByText("Live", { exact: true }).waitFor();
  const members = page.getByRole("region", { name: "Backend servers" });
  await members.getByLabel("Operating status").selectOption({ label: "Error" });
  await members.getByText("No backend server matches.").waitFor();
  console.log("watching");
  const row = members.getByRole("rowheader", { name: member, exact: true });
  await row.waitFor();
  assert.equal(await members.getByRole("rowheader").count(), 1);
  await members.getByLabel("Operating status").selectOption({ label: "Any status" });
  await members.getByRole("rowheader").nth(2).waitFor();
}

/** All members of a group, and only those that are looked for; how many there were of each. */
export async function manyMembers(visit) {
  const { page, group, sought } = visit;
  await openBalancer(visit, "web");
  await openGroup(visit, group);
  const members = page.getByRole("region", { name: "Backend servers" });
  const found = { all: await leafThrough(members) };
  for (const text of sought) {
    const last = members.getByRole("rowheader", { name: await members.getByRole("rowheader").first().innerText() });
    await members.getByLabel("Find by name or address").fill(text);
    await press(members, "Search");
    // What was shown before was the last page of others.
    await last.waitFor({ state: "detached" });
    found[text] = await leafThrough(members);
  }
  return found;
}

/** How many members there are on all pages. */
async function leafThrough(members) {
  const names = members.getByRole("rowheader");
  const next = members.getByRole("button", { name: "Next page" });
  const seen = new Set();
  for (;;) {
    await names.first().waitFor();
    const shown = await names.allInnerTexts();
    assert.ok(shown.length <= 100, "a page of them");
    shown.forEach((name) => seen.add(name));
    if (!(await next.count()) || (await next.isDisabled())) return seen.size;
    await next.click();
    // The one that was first is on the page before.
    await names.filter({ hasText: shown[0] }).waitFor({ state: "detached" });
  }
}

/** However many tabs there are, the one that is looked at works: a browser has six connections to a host for all of them. */
export async function tabs({ page, url }) {
  for (let count = 0; count < 8; count += 1) {
    const tab = await page.context().newPage();
    await tab.goto(url);
    await tab.getByText("Live", { exact: true }).waitFor();
    // As browsers tell a page that another tab is in front of it.
    await tab.evaluate(() => {
      Object.defineProperty(document, "hidden", { get: () => true });
      document.dispatchEvent(new Event("visibilitychange"));
    });
  }
  await page.goto(url);
  await page.getByText("Live", { exact: true }).waitFor();
  await page.getByRole("link", { name: "web", exact: true }).waitFor();
}

/** A group is called otherwise, and nothing else of it is touched. */
export async function rename(visit) {
  const { page, words, group, name } = visit;
  await openBalancer(visit, "web", "groups");
  const dialog = await openSettings(visit, group);
  await dialog.getByLabel(words.name, { exact: true }).fill(name);
  await confirm(dialog, words);
  await page.getByRole("link", { name, exact: true }).waitFor();
}

/** By the select, and for the next visit too. */
export async function switchLanguage({ page, url }) {
  await page.goto(url);
  await page.getByRole("heading", { name: "Load balancers" }).waitFor();
  await page.getByLabel("Language").selectOption("zh");
  await page.getByRole("heading", { name: "负载均衡器" }).waitFor();
  await page.reload();
  await page.getByRole("heading", { name: "负载均衡器" }).waitFor();
  assert.equal(await page.evaluate(() => document.documentElement.lang), "zh-CN");
}
