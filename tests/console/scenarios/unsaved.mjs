// What has been entered is not lost by a slip of the hand.
import assert from "node:assert/strict";
import { once } from "node:events";
import { checkAccess } from "../browser.mjs";
import { eventually, named, remember } from "../reading.mjs";
import { openBalancer, openGroup, openSettings, press } from "../steps.mjs";

const KEEP = "Keep editing";

const hasFocus = (element) => element === document.activeElement;

/** Forms that were changed ask before they go; others go at once. */
export async function unsaved(visit) {
  const { page, words } = visit;
  const asked = page.getByRole("alertdialog", { name: "Discard what you entered?" });
  const answer = async (name) => {
    await press(asked, name);
    await asked.waitFor({ state: "detached" });
  };
  await openBalancer(visit, "web", "groups");
  await inDialog(visit, asked, answer);
  await inWizard(visit, asked, answer);
  assert.equal((await named(visit, "/pools", "pages")).name, "pages");
  assert.deepEqual(visit.sent(), [], `nothing is sent of it, and ${words.ok} was never pressed`);
}

/** What is shown is what the address says, however long they take to answer, and whatever becomes of the form meanwhile. */
export async function leftWhileAsked(visit) {
  const { page, words } = visit;
  const asked = page.getByRole("alertdialog", { name: "Discard what you entered?" });
  const list = page.getByRole("tab", { name: words.tabs.groups, selected: true });
  await openBalancer(visit, "web", "groups");
  await list.waitFor();
  const before = page.url();
  await openGroup(visit, "pages");
  const address = page.url();
  const dialog = await openSettings(visit, "pages");
  const name = dialog.getByLabel(words.name, { exact: true });
  await name.fill("sent");

  // Back, and forth again while that is asked: they are where they were, and nowhere else.
  await page.evaluate(() => history.back());
  await asked.waitFor();
  await page.evaluate(() => history.forward());
  await eventually("the address to be that of before", async () => assert.equal(page.url(), address));
  await press(asked, words.discard);
  await asked.waitFor({ state: "detached" });
  await page.getByRole("heading", { name: "pages", exact: true }).waitFor();
  assert.equal(page.url(), address);

  // What is being sent is done after all while they are asked: then there is nothing to lose, and they are gone.
  await name.fill("sent then");
  let release;
  const isReleased = new Promise((resolve) => (release = resolve));
  await page.route("**/pools/*", async (route) => {
    if (route.request().method() === "PUT") await isReleased;
    await route.continue();
  });
  const isSent = page.waitForRequest((request) => request.method() === "PUT");
  await press(dialog, words.ok);
  await isSent;
  await page.evaluate(() => history.back());
  await asked.waitFor();
  release();
  await dialog.waitFor({ state: "detached" });
  await list.waitFor();
  assert.equal(page.url(), before);
  await page.getByRole("link", { name: "sent then", exact: true }).waitFor();
}

async function inDialog(visit, asked, answer) {
  const { page, words } = visit;
  let dialog = await openSettings(visit, "pages");
  await dialog.getByLabel(words.name, { exact: true }).waitFor();
  await page.keyboard.press("Escape");
  await dialog.waitFor({ state: "detached" });

  dialog = await openSettings(visit, "pages");
  const name = dialog.getByLabel(words.name, { exact: true });
  await name.fill("typed here");
  await page.keyboard.press("Escape");
  await asked.waitFor();
  await checkAccess(page, "the question");
  const keep = asked.getByRole("button", { name: KEEP });
  await eventually("the focus on what loses nothing", async () => assert.ok(await keep.evaluate(hasFocus)));
  await page.keyboard.press("Enter");
  await asked.waitFor({ state: "detached" });
  assert.ok(await name.evaluate(hasFocus), "the focus is back where it was");
  // However often: browsers close what is open by themselves then.
  for (let times = 0; times < 9; times += 1) await page.keyboard.press("Escape");
  await eventually("the form, whether that asks or not", async () => {
    if (await asked.count()) await keep.click({ timeout: 2_000 });
    assert.equal(await asked.count(), 0);
    await name.click({ timeout: 2_000 });
  });
  assert.equal(await name.inputValue(), "typed here");
  await press(dialog, words.cancel);
  await asked.waitFor();
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await dialog.waitFor({ state: "detached" });
}

async function inWizard(visit, asked, answer) {
  const { page, words } = visit;
  const open = () => page.getByRole("link", { name: words.addGroup }).click();
  const form = page.getByRole("form", { name: words.addGroup });
  const name = form.getByLabel(words.name, { exact: true });
  const list = page.getByRole("tab", { name: words.tabs.groups, selected: true });
  await open();
  await name.waitFor();
  await press(form, words.cancel);
  await list.waitFor();

  // A row of servers is entered by its button already, and taken out by one.
  await open();
  await press(form, words.next);
  await press(form, words.addMember);
  await page.getByRole("link", { name: words.events }).click();
  await answer(words.discard);
  await page.getByRole("heading", { name: words.events, exact: true }).waitFor();
  await openBalancer(visit, "web", "groups");

  await open();
  await name.click();
  await page.keyboard.type("typed here");
  const isTheSame = await remember(page);
  const address = page.url();
  const leave = {
    "another page": () => page.getByRole("link", { name: words.events }).click(),
    "the page before": () => page.evaluate(() => history.back()),
    "the button": () => press(form, words.cancel),
  };
  for (const [where, go] of Object.entries(leave)) {
    await go();
    await asked.waitFor();
    await answer(KEEP);
    assert.equal(await name.inputValue(), "typed here", where);
    assert.equal(page.url(), address, where);
  }
  // The browser itself asks before it loads the page again.
  const dialogs = once(page, "dialog");
  await page.evaluate(() => void setTimeout(() => location.reload()));
  const [dialog] = await dialogs;
  assert.equal(dialog.type(), "beforeunload");
  await dialog.dismiss();
  assert.equal(await name.inputValue(), "typed here");
  await isTheSame();
  await page.getByRole("link", { name: words.events }).click();
  await answer(words.discard);
  await page.getByRole("heading", { name: words.events, exact: true }).waitFor();
}
