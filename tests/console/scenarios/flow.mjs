// The flow of the requirements: load balancer -> its backend server groups -> the gear of one -> session persistence on, type, duration
// -> OK; and the same fields while a listener or a group is being added.
import assert from "node:assert/strict";
import { addListener, addMember, choosePersistence, confirm, createBalancer, discard, openBalancer, openGroup, openSettings, press } from "../steps.mjs";

/** Everything from nothing, by hand: a load balancer with a listener of each layer, and backend servers. */
export async function build(visit) {
  const { page, words, vip, members, listeners } = visit;
  await createBalancer(visit, "web", vip);
  assert.equal(await page.evaluate(() => document.documentElement.lang), words.lang);
  for (const listener of listeners) {
    await addListener(visit, listener);
    await openGroup(visit, listener.group);
    for (const member of members) await addMember(visit, { ...member, port: listener.memberPort });
    await openBalancer(visit, "web");
  }
}

/** Session persistence of a group by its gear; `null`: none any more. */
export async function persist(visit) {
  const { page, words, group, persistence } = visit;
  await openBalancer(visit, "web", "groups");
  const dialog = await openSettings(visit, group);
  if (persistence) {
    await choosePersistence(dialog, words, persistence);
    // Whom a type does not suit is another matter for each.
    const advice = {
      sourceIp: words.advice,
      balancerCookie: words.cookieAdvice,
      applicationCookie: words.applicationCookieAdvice,
    };
    await dialog.getByText(advice[persistence.type]).waitFor();
    assert.equal(await dialog.getByRole("note").count(), 1);
  } else {
    await dialog.getByRole("switch", { name: words.persistence }).uncheck();
  }
  await confirm(dialog, words);
  const row = page.getByRole("row", { name: new RegExp(group) });
  if (persistence) await row.getByText(words.minutes(persistence.minutes)).waitFor();
}

/** What is offered where: types and durations of each layer, and nothing with the source IP algorithm. */
export async function offers(visit) {
  const { page, words, group, types, most } = visit;
  await openBalancer(visit, "web", "groups");
  const dialog = await openSettings(visit, group);
  const persistence = dialog.getByRole("switch", { name: words.persistence });
  await persistence.check();
  const offered = await dialog.getByRole("radio").evaluateAll((radios) => radios.map((radio) => radio.value));
  assert.deepEqual(offered, types);
  const duration = dialog.getByLabel(words.duration);
  await duration.fill(String(most + 1));
  await press(dialog, words.ok);
  assert.equal(await duration.getAttribute("aria-invalid"), "true");
  await dialog.getByLabel(words.algorithm).selectOption({ label: words.sourceIpAlgorithm });
  await dialog.getByText(words.notNeeded).waitFor();
  assert.ok(await persistence.isDisabled());
  assert.equal(await dialog.getByLabel(words.duration).count(), 0);
  await discard(visit);
  await dialog.waitFor({ state: "detached" });
}

/** A group by its wizard, with the same fields. */
export async function addGroup(visit) {
  const { page, words, group, protocol, persistence } = visit;
  await openBalancer(visit, "web", "groups");
  await page.getByRole("link", { name: words.addGroup }).click();
  await page.getByLabel(words.name, { exact: true }).fill(group);
  await page.getByLabel(words.protocol).selectOption(protocol);
  await choosePersistence(page, words, persistence);
  await press(page, words.next);
  await press(page, words.next);
  await press(page, words.addGroup);
  await page.getByRole("heading", { name: group, exact: true }).waitFor();
  await page.getByText(words.minutes(persistence.minutes)).waitFor();
}
