// People who use no mouse.
import assert from "node:assert/strict";
import { api, eventually, named } from "../reading.mjs";
import { openBalancer } from "../steps.mjs";

/** More than there is on any page that can have the focus. */
const MOST_STOPS = 80;

/** Tabs go by arrows, and the focus goes into a dialog and back to where it was. */
export async function keyboard(visit) {
  const { page, words } = visit;
  await openBalancer(visit, "web");
  const first = page.getByRole("tab").first();
  await first.focus();
  await page.keyboard.press("ArrowRight");
  await page.getByRole("tab", { name: words.tabs.listeners, selected: true }).waitFor();
  await page.getByRole("tab", { name: words.tabs.groups }).focus();
  await page.keyboard.press("Enter");
  const gear = page.getByRole("button", { name: words.settings(visit.group) });
  await gear.focus();
  await page.keyboard.press("Enter");
  const dialog = page.getByRole("dialog");
  await dialog.waitFor();
  const isInside = await dialog.evaluate((element) => element.contains(document.activeElement));
  assert.ok(isInside, "the focus is in the dialog");
  await page.keyboard.press("Escape");
  await dialog.waitFor({ state: "detached" });
  assert.ok(await gear.evaluate((element) => element === document.activeElement), "and back where it was");
}

/** Goes on by the tabulator until the focus is on what is meant. */
async function tabTo(page, target, what) {
  await target.waitFor();
  for (let stops = 0; stops < MOST_STOPS; stops += 1) {
    if (await target.evaluate((element) => element === document.activeElement)) return;
    await page.keyboard.press("Tab");
  }
  assert.fail(`the tabulator does not lead to ${what}`);
}

/** What hands without a mouse do, in a form or on the page. */
function hands(page, where) {
  const to = (role, name) => tabTo(page, where.getByRole(role, { name, exact: true }), name);
  const typed = async (role, name, text) => {
    await to(role, name);
    await page.keyboard.press("Control+a");
    await page.keyboard.press("Delete");
    await page.keyboard.type(text);
  };
  return {
    press: async (role, name) => {
      await to(role, name);
      await page.keyboard.press("Enter");
    },
    type: (name, text) => typed("textbox", name, text),
    /** By the first letters of what is offered. */
    select: async (name, letters) => {
      await to("combobox", name);
      await page.keyboard.type(letters);
    },
    /** By the space bar; of several by arrows, since only one of them is on the way. */
    turnOn: async (name) => {
      await to("switch", name);
      await page.keyboard.press("Space");
    },
    choose: async (chosen, name) => {
      await to("radio", chosen);
      const wanted = where.getByRole("radio", { name, exact: true });
      for (let moves = 0; moves < 4 && !(await wanted.isChecked()); moves += 1) await page.keyboard.press("ArrowDown");
      assert.ok(await wanted.isChecked(), `arrows choose ${name}`);
    },
  };
}

/** The step is shown, and read to those who do not see it. */
async function isAtStep(form, name) {
  const heading = form.getByRole("heading", { name, exact: true });
  await eventually(`the focus on the step ${name}`, async () =>
    assert.ok(await heading.evaluate((element) => element === document.activeElement)),
  );
}

/** A load balancer, a listener with its group by the one wizard, a group by the other: nothing of it by a mouse. */
export async function wizardsByKeyboard(visit) {
  const { page, url, words, vip } = visit;
  await page.goto(url);
  const on = hands(page, page);
  await on.press("button", words.createBalancer);
  const made = hands(page, page.getByRole("dialog"));
  await made.type(words.name, "web");
  await made.type(words.vip, vip);
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "web", exact: true }).waitFor();

  const arrowTo = async (from, to) => {
    await tabTo(page, page.getByRole("tab", { name: from }), from);
    while (!(await page.getByRole("tab", { name: to, selected: true }).count())) await page.keyboard.press("ArrowRight");
  };
  await arrowTo("Overview", words.tabs.listeners);
  await on.press("link", words.addListener);
  let form = page.getByRole("form", { name: words.addListener });
  let filled = hands(page, form);
  await filled.type(words.name, "pages");
  await filled.select(words.protocol, "HTTP");
  await filled.type(words.port, "80");
  await page.keyboard.press("Enter");
  await isAtStep(form, "Backend server group");
  await filled.type(words.groupName, "pages");
  await filled.select(words.algorithm, "Weighted r");
  await filled.turnOn(words.persistence);
  await filled.choose(words.balancerCookie, words.applicationCookie);
  await filled.type(words.cookieName, "JSESSIONID");
  await filled.type(words.duration, "45");
  await filled.turnOn("Check the health of backend servers");
  await filled.type("Interval (seconds)", "7");
  await filled.press("button", words.next);
  await isAtStep(form, "Review");
  await filled.press("button", words.addListener);
  await page.getByRole("tab", { name: words.tabs.listeners, selected: true }).waitFor();

  await arrowTo(words.tabs.listeners, words.tabs.groups);
  await on.press("link", words.addGroup);
  form = page.getByRole("form", { name: words.addGroup });
  filled = hands(page, form);
  await filled.type(words.name, "lines");
  await filled.select(words.protocol, "TCP");
  await filled.turnOn(words.persistence);
  await filled.type(words.duration, "");
  await filled.press("button", words.next);
  // What is wrong gets the focus, where it is put right.
  const duration = form.getByLabel(words.duration);
  await eventually("the focus on what is wrong", async () =>
    assert.ok(await duration.evaluate((element) => element === document.activeElement)),
  );
  await page.keyboard.type("9");
  await page.keyboard.press("Enter");
  await isAtStep(form, "Backend servers");
  await filled.press("button", words.addMember);
  await filled.type(words.address, "10.0.0.1");
  await filled.type(words.port, "8080");
  await filled.press("button", words.next);
  await isAtStep(form, "Review");
  await filled.press("button", words.addGroup);
  await page.getByRole("heading", { name: "lines", exact: true }).waitFor();

  const pages = await named(visit, "/pools", "pages");
  const { session_persistence: held, healthmonitor_id: check } = pages;
  assert.equal(pages.lb_algorithm, "ROUND_ROBIN");
  assert.deepEqual([held.type, held.cookie_name, held.persistence_timeout], ["APP_COOKIE", "JSESSIONID", 45 * 60]);
  assert.equal((await api(visit, `/healthmonitors/${check}`)).healthmonitor.delay, 7);
  assert.equal((await named(visit, "/listeners", "pages")).default_pool_id, pages.id);
  const lines = await named(visit, "/pools", "lines");
  const { members } = await api(visit, `/pools/${lines.id}/members`);
  assert.deepEqual(members.map(({ address, protocol_port }) => [address, protocol_port]), [["10.0.0.1", 8080]]);
  assert.deepEqual([lines.protocol, lines.session_persistence.persistence_timeout], ["TCP", 9 * 60]);
}
