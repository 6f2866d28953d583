// What operators do every day: look who is held where, let go of a session, drain, and watch things change by themselves.
import assert from "node:assert/strict";
import { openBalancer, openEvents, openGroup, press } from "../steps.mjs";

/** The client that is held is listed, found, and dropped. */
export async function dropSession(visit) {
  const { page, words, group, client } = visit;
  await openBalancer(visit, "web");
  await openGroup(visit, group);
  const sessions = page.getByRole("region", { name: words.sessions });
  await sessions.getByLabel("Client address or cookie").fill(client);
  await press(sessions, "Search");
  await press(sessions, words.drop(client));
  await press(page.getByRole("alertdialog"), words.drop(client));
  await sessions.getByText("No session fits.").waitFor();
}

/** A server that fails is said to, without anybody loading the page again; `changes` has been told to make it fail. */
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
  const lanes = page.getByRole("region", { name: "Who is held where" });
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

/** What happened before the page was opened is there, and what happens then comes by itself. */
export async function events(visit) {
  const { page, url, name } = visit;
  await page.goto(url);
  await openEvents(visit);
  const rows = page.getByRole("table").getByRole("row", { name: new RegExp(name) });
  await rows.first().waitFor();
  const before = await rows.count();
  console.log("watching");
  await page.waitForFunction((least) => document.querySelectorAll("tbody tr").length > least, before);
}

/** A thousand members are shown a page at a time, quickly. */
export async function manyMembers(visit) {
  const { page, group, count } = visit;
  await openBalancer(visit, "web");
  await openGroup(visit, group);
  const members = page.getByRole("region", { name: "Backend servers" });
  await members.getByRole("rowheader").first().waitFor();
  assert.ok((await members.getByRole("rowheader").count()) <= 100, "a page of them");
  const seen = new Set();
  for (let pages = 0; seen.size < count && pages < count; pages += 1) {
    const first = members.getByRole("rowheader").first();
    const before = await first.innerText();
    for (const name of await members.getByRole("rowheader").allInnerTexts()) seen.add(name);
    const next = members.getByRole("button", { name: "Next page" });
    if (await next.isDisabled()) break;
    await next.click();
    await page.waitForFunction(
      (old) => document.querySelector("[aria-labelledby] tbody th, tbody th")?.innerText !== old,
      before,
    );
    if (seen.size > 100) break;
  }
  return seen.size;
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
