// What is offered goes by the kind of a load balancer.
import assert from "node:assert/strict";
import { details, eventually } from "../reading.mjs";
import { openBalancer, press } from "../steps.mjs";

/** The types of session persistence that a wizard offers for HTTP. */
async function offered(form, words) {
  await form.getByLabel(words.protocol, { exact: true }).selectOption("HTTP");
  if (await form.getByLabel(words.port, { exact: true }).count()) {
    await form.getByLabel(words.port, { exact: true }).fill("80");
    await press(form, words.next);
  }
  await form.getByRole("switch", { name: words.persistence }).check();
  return form.getByRole("radio", { name: /cookie/i }).evaluateAll((radios) => radios.map((radio) => radio.value));
}

/** A load balancer is made by each flavor; what it is can be seen, and an application cookie is for shared ones alone. */
export async function kinds(visit) {
  const { page, url, words, balancers } = visit;
  for (const { name, vip, flavor, says, types } of balancers) {
    await page.goto(url);
    await press(page, words.createBalancer);
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel(words.name, { exact: true }).fill(name);
    await dialog.getByLabel(words.vip).fill(vip);
    await dialog.getByLabel("Flavor").selectOption({ label: flavor });
    await press(dialog, words.createBalancer);
    await page.getByRole("heading", { name, exact: true }).waitFor();
    for (const [tab, add] of [
      ["listeners", words.addListener],
      ["groups", words.addGroup],
    ]) {
      await openBalancer(visit, name, tab);
      await page.getByRole("link", { name: add }).click();
      assert.deepEqual(await offered(page.getByRole("form", { name: add }), words), types, `${name}, ${add}`);
    }
    await openBalancer(visit, name);
    const overview = page.getByRole("region", { name: "Overview" });
    // What it can have is told by itself, maybe after the rest of it.
    await eventually(`${name} to be said to be ${says}`, async () => {
      const said = Object.entries(await details(overview)).filter(([term]) => term !== "Name");
      assert.ok(said.some(([, text]) => new RegExp(says, "i").test(text)), JSON.stringify(said));
    });
  }
}
