// Listeners that are changed, secured and taken away.
import assert from "node:assert/strict";
import { eventually, isWrong, rows } from "../reading.mjs";
import { confirm, openBalancer, press } from "../steps.mjs";

const NOWHERE = "nowhere";

/** What the table of listeners says of one. */
async function listed({ page, words }, name) {
  await page.getByRole("tab", { name: words.tabs.listeners, selected: true }).waitFor();
  const all = await rows(page.getByRole("table", { name: words.tabs.listeners }));
  return all.find((row) => row.Name === name);
}

/** Another name, and another group that its clients are led to. */
export async function editListener(visit) {
  const { page, words, listener, name, group } = visit;
  await openBalancer(visit, "web", "listeners");
  await press(page, `Edit listener ${listener}`);
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel(words.name, { exact: true }).fill(name);
  await dialog.getByLabel("Backend server group").selectOption({ label: group });
  await confirm(dialog, words);
  await eventually("the listener as it is now", async () => {
    assert.equal((await listed(visit, name))?.["Backend server group"], group);
    assert.equal(await listed(visit, listener), undefined);
  });
}

/** One that ends TLS, by the wizard: a certificate that there is not is refused at its field, and put right there. */
export async function secureListener(visit) {
  const { page, words, tolerate, name, port, certificate, group } = visit;
  tolerate(400);
  await openBalancer(visit, "web", "listeners");
  await page.getByRole("link", { name: words.addListener }).click();
  const form = page.getByRole("form", { name: words.addListener });
  await form.getByLabel(words.name, { exact: true }).fill(name);
  await form.getByLabel(words.protocol, { exact: true }).selectOption({ label: "HTTPS (layer 7)" });
  await form.getByLabel(words.port).fill(String(port));
  const named = form.getByLabel("Certificate");
  await named.fill(NOWHERE);
  await press(form, words.next);
  await form.getByRole("radio", { name: words.existingGroup }).check();
  await form.getByLabel("Backend server group", { exact: true }).selectOption({ label: group });
  await press(form, words.next);
  await press(form, words.addListener);
  await isWrong(named, /certificate/);
  await named.fill(certificate);
  await press(form, words.next);
  await press(form, words.next);
  await press(form, words.addListener);
  await eventually("the listener that ends TLS", async () =>
    assert.equal((await listed(visit, name))?.["Protocol:Port"], `HTTPS:${port}`),
  );
}

/** Another certificate for one that is there; again one that there is not is refused. */
export async function changeCertificate(visit) {
  const { page, words, tolerate, name, certificate } = visit;
  tolerate(400);
  await openBalancer(visit, "web", "listeners");
  await press(page, `Edit listener ${name}`);
  const dialog = page.getByRole("dialog");
  const named = dialog.getByLabel("Certificate");
  await named.fill(NOWHERE);
  await press(dialog, words.ok);
  await isWrong(named, /certificate/);
  await named.fill(certificate);
  await confirm(dialog, words);
}

/** It goes, and its group stays. */
export async function removeListener(visit) {
  const { page, words, name, group } = visit;
  await openBalancer(visit, "web", "listeners");
  await press(page, `Delete listener ${name}`);
  const asked = page.getByRole("alertdialog");
  await press(asked, words.cancel);
  assert.ok(await listed(visit, name), "nothing was done");
  await press(page, `Delete listener ${name}`);
  await press(asked, `Delete listener ${name}`);
  await page.getByText(`Listener ${name} has been deleted.`).waitFor();
  await page.getByRole("rowheader", { name, exact: true }).waitFor({ state: "detached" });
  await page.getByRole("tab", { name: words.tabs.groups }).click();
  await page.getByRole("link", { name: group, exact: true }).waitFor();
}
