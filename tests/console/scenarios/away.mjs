// The daemon is away for a while.
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { eventually, remember } from "../reading.mjs";
import { confirm, openBalancer, openGroup, press } from "../steps.mjs";

/** So many questions that nobody answers are more than one part of a page has. */
const MANY = 6;

/** That is said once, in front of whatever waits for the daemon, and no more once it is back: a form goes on with what was typed. */
export async function away(visit) {
  const { page, words, tolerateAbsence, seen } = visit;
  tolerateAbsence();
  await openBalancer(visit, "web");
  await openGroup(visit, "pages");
  await page.getByText("Live", { exact: true }).waitFor();
  await press(page, words.settings("pages"));
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel(words.name, { exact: true }).fill("typed meanwhile");
  const isTheSame = await remember(page);
  let unanswered = 0;
  page.on("requestfailed", () => (unanswered += 1));
  // Also where people do not get at it, behind a dialog.
  const alerts = page.locator('[role="alert"]');
  const banner = alerts.filter({ hasText: "The daemon cannot be reached. Trying again…" });
  console.log("watching");

  await banner.waitFor();
  await eventually("much to be asked for in vain", async () => assert.ok(unanswered >= MANY, `${unanswered}`));
  assert.deepEqual(await alerts.allInnerTexts(), await banner.allInnerTexts(), "nothing else says so");
  assert.equal(await banner.count(), 1);
  await dialog.getByRole("alert").filter({ hasText: "The daemon cannot be reached" }).waitFor();
  await page.keyboard.press("Escape");
  const question = page.getByRole("alertdialog");
  await question.getByRole("alert").filter({ hasText: "The daemon cannot be reached" }).waitFor();
  assert.equal(await banner.count(), 1);
  await press(question, "Keep editing");
  await question.waitFor({ state: "detached" });
  await page.getByText("Disconnected", { exact: true }).waitFor();
  await press(dialog, words.ok);
  const answer = dialog.getByRole("alert").getByText("The daemon did not answer");
  await answer.waitFor();
  assert.equal(await banner.count(), 1);
  writeFileSync(seen, "");

  await banner.waitFor({ state: "detached" });
  await page.getByText("Live", { exact: true }).waitFor();
  // That the daemon is back does not say that it was done.
  await eventually("that to be all that is left", async () => {
    const [left, ...more] = await alerts.allInnerTexts();
    assert.match(left ?? "", /may not have been done/);
    assert.deepEqual(more, []);
  });
  await confirm(dialog, words);
  await page.getByRole("heading", { name: "typed meanwhile", exact: true }).waitFor();
  await eventually("no complaint to be left", async () => assert.deepEqual(await alerts.allInnerTexts(), []));
  await isTheSame();
}
