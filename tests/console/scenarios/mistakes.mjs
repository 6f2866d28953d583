// What people get wrong, and what they are told then: at the field, and before anything is sent where that can be known.
import assert from "node:assert/strict";
import { isWrong } from "../reading.mjs";
import { addListener, createBalancer, discard, openBalancer, openGroup, openSettings, press } from "../steps.mjs";

/** What only the daemon knows is said at the field that it is about, and what was typed stays. */
async function isRefused(form, submit, label, value, says) {
  const field = form.getByLabel(label, { exact: true });
  await field.fill(value);
  await press(form, submit);
  await isWrong(field, says);
  assert.equal(await field.inputValue(), value);
}

export async function refusals(visit) {
  const { page, words, vip, tolerate, url } = visit;
  [400, 409].forEach(tolerate);
  await page.goto(url);
  await press(page, words.createBalancer);
  const dialog = page.getByRole("dialog");
  for (const nobodys of [":::1", "224.0.0.1"]) {
    await isRefused(dialog, words.createBalancer, words.vip, nobodys, /address|IPv4 or IPv6/);
  }
  await createBalancer(visit, "web", vip);
  await addListener(visit, { name: "one", protocol: "HTTP", port: 80, group: "ones" });
  await page.getByRole("link", { name: words.addListener }).click();
  const form = page.getByRole("form", { name: words.addListener });
  await form.getByLabel(words.name, { exact: true }).fill("two");
  await form.getByLabel(words.protocol, { exact: true }).selectOption("TCP");
  await form.getByLabel(words.port).fill("80");
  await press(form, words.next);
  await form.getByLabel(words.groupName).fill("twos");
  await press(form, words.next);
  await press(form, words.addListener);
  await isWrong(form.getByLabel(words.port), /already using/);
  assert.ok(await form.getByLabel(words.port).isVisible(), "the step of the field is shown");
  // Nothing of it is left behind.
  await openBalancer(visit, "web", "groups");
  await page.getByRole("link", { name: "ones", exact: true }).waitFor();
  assert.equal(await page.getByRole("link", { name: "twos", exact: true }).count(), 0);

  await openGroup(visit, "ones");
  await press(page, words.addMember);
  await dialog.getByLabel(words.port, { exact: true }).fill("80");
  for (const nobodys of ["224.0.0.1", "169.254.169.254", "0.0.0.0"]) {
    await isRefused(dialog, words.addMember, words.address, nobodys, /address|IPv4 or IPv6/);
  }
  await dialog.getByLabel(words.address, { exact: true }).fill("10.0.0.1");
  await press(dialog, words.addMember);
  await dialog.waitFor({ state: "detached" });
  // The place of a backend server that is there already: its address or its port, neither being wrong by itself.
  await press(page, words.addMember);
  await dialog.getByLabel(words.address, { exact: true }).fill("10.0.0.1");
  await dialog.getByLabel(words.port, { exact: true }).fill("80");
  await press(dialog, words.addMember);
  await isWrong(dialog.locator('[aria-invalid="true"]'), /already using ip/);
  await discard(visit);

  await press(page, "Add health check");
  await dialog.getByLabel("Type", { exact: true }).selectOption("HTTP");
  await isRefused(dialog, words.ok, "Path", "/health#well", /URL Path/);
  await dialog.getByLabel("Path", { exact: true }).fill("/health");
  await isRefused(dialog, words.ok, "Expected status codes", "600", /pattern/);
  await discard(visit);
  await press(page, words.settings("ones"));
  await dialog.getByRole("switch", { name: words.persistence }).check();
  await dialog.getByRole("radio", { name: words.applicationCookie }).check();
  for (const nobodys of ["a=b", "größe", "a(b"]) {
    await isRefused(dialog, words.ok, words.cookieName, nobodys, /is invalid/);
  }
}
