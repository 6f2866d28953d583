// What people get wrong, and what they are told then: at the field, and before anything is sent where that can be known.
import assert from "node:assert/strict";
import { addListener, confirm, createBalancer, openBalancer, openGroup, openSettings, press } from "../steps.mjs";

async function isWrong(field, says) {
  assert.equal(await field.getAttribute("aria-invalid"), "true");
  const told = await field.evaluate((element) =>
    (element.getAttribute("aria-describedby") ?? "")
      .split(" ")
      .map((id) => document.getElementById(id)?.innerText ?? "")
      .join(" "),
  );
  assert.match(told, says);
}

/** Each field of each form, with what it does not take. */
export async function fields(visit) {
  const { page, words, url } = visit;
  await page.goto(url);
  await press(page, words.createBalancer);
  let dialog = page.getByRole("dialog");
  await dialog.getByLabel(words.vip).fill("nonsense");
  await press(dialog, words.createBalancer);
  await isWrong(dialog.getByLabel(words.vip), /IPv4 or IPv6/);
  await page.keyboard.press("Escape");

  await createBalancer(visit, "web", visit.vip);
  await page.getByRole("tab", { name: words.tabs.listeners }).click();
  await page.getByRole("link", { name: words.addListener }).click();
  const port = page.getByLabel(words.port);
  for (const wrong of ["", "0", "65536", "x"]) {
    await port.fill(wrong);
    await press(page, words.next);
    await isWrong(port, /needed|from 1 to 65,535/);
  }
  await page.getByLabel(words.protocol).selectOption("TERMINATED_HTTPS");
  await port.fill("443");
  await press(page, words.next);
  await isWrong(page.getByLabel("Certificate"), /needed/);

  await openBalancer(visit, "web");
  await addListener(visit, { name: "http", protocol: "HTTP", port: 80, group: "pages" });
  await page.getByRole("tab", { name: words.tabs.groups }).click();
  dialog = await openSettings(visit, "pages");
  await dialog.getByRole("switch", { name: words.persistence }).check();
  await dialog.getByRole("radio", { name: words.applicationCookie }).check();
  const duration = dialog.getByLabel(words.duration);
  for (const wrong of ["", "0", "1441", "1.5"]) {
    await duration.fill(wrong);
    await press(dialog, words.ok);
    await isWrong(duration, /needed|from 1 to 1,440/);
  }
  await isWrong(dialog.getByLabel(words.cookieName), /needed/);
  await dialog.getByLabel(words.cookieName).fill("JSESSIONID");
  await duration.fill("1440");
  await confirm(dialog, words);

  await openGroup(visit, "pages");
  await press(page, words.addMember);
  dialog = page.getByRole("dialog");
  const weight = dialog.getByLabel("Weight");
  await dialog.getByLabel(words.address, { exact: true }).fill("10.0.0.300");
  await dialog.getByLabel(words.port, { exact: true }).fill("80");
  for (const wrong of ["", "-1", "257"]) {
    await weight.fill(wrong);
    await press(dialog, words.addMember);
    await isWrong(weight, /needed|from 0 to 256/);
  }
  await isWrong(dialog.getByLabel(words.address, { exact: true }), /IPv4 or IPv6/);
}

/** What only the daemon knows comes to the field that it is about, and what was typed stays. */
export async function refusals(visit) {
  const { page, words, vip, tolerate } = visit;
  [400, 409].forEach(tolerate);
  await createBalancer(visit, "web", vip);
  await addListener(visit, { name: "one", protocol: "HTTP", port: 80, group: "ones" });
  await page.getByRole("link", { name: words.addListener }).click();
  await page.getByLabel(words.name, { exact: true }).fill("two");
  await page.getByLabel(words.protocol).selectOption("TCP");
  await page.getByLabel(words.port).fill("80");
  await press(page, words.next);
  await page.getByLabel(words.groupName).fill("twos");
  await press(page, words.next);
  await press(page, words.addListener);
  await page.getByText(/already using/).first().waitFor();
  await isWrong(page.getByLabel(words.port), /already using/);
  // Nothing of it is left behind.
  await openBalancer(visit, "web", "groups");
  await page.getByRole("link", { name: "ones", exact: true }).waitFor();
  assert.equal(await page.getByRole("link", { name: "twos", exact: true }).count(), 0);
  // The address of a backend server that is there already.
  await openGroup(visit, "ones");
  for (const again of [false, true]) {
    await press(page, words.addMember);
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel(words.address, { exact: true }).fill("10.0.0.1");
    await dialog.getByLabel(words.port, { exact: true }).fill("80");
    await press(dialog, words.addMember);
    if (again) await dialog.getByText(/already using ip/).waitFor();
    else await dialog.waitFor({ state: "detached" });
  }
}

/** Somebody else changes a group while its settings are open: nothing of theirs is lost. */
export async function lostUpdate(visit) {
  const { page, words, tolerate, url } = visit;
  tolerate(412);
  await openBalancer(visit, "web", "groups");
  const dialog = await openSettings(visit, "pages");
  const name = dialog.getByLabel(words.name, { exact: true });
  await name.waitFor();
  const api = new URL("/v2.0/lbaas/pools", url).href;
  await page.evaluate(async (pools) => {
    const headers = { "X-Holdfast-Console": "1", "Content-Type": "application/json" };
    const listed = await (await fetch(pools, { headers })).json();
    const pool = listed.pools.find(({ name }) => name === "pages");
    await fetch(`${pools}/${pool.id}`, { method: "PUT", headers, body: '{"pool":{"description":"theirs"}}' });
  }, api);
  await dialog.getByRole("switch", { name: words.persistence }).check();
  await press(dialog, words.ok);
  await dialog.getByText("Somebody else has changed this meanwhile").waitFor();
}
