// Every page, as it looks and as it reads: for people with and without eyes, in the light and in the dark, on a phone.
import assert from "node:assert/strict";
import { checkAccess, picture } from "../browser.mjs";
import { openBalancer, openEvents, openGroup, openSettings } from "../steps.mjs";

/** All pages of a load balancer, each in a state in which there is something to see. */
async function pages(visit, look) {
  const { page, url, words, group } = visit;
  await page.goto(url);
  await page.getByRole("link", { name: "web", exact: true }).waitFor();
  await look("load-balancers");
  await openBalancer(visit, "web");
  await look("overview");
  await page.getByRole("tab", { name: words.tabs.listeners }).click();
  await look("listeners");
  await page.getByRole("link", { name: words.addListener }).click();
  await page.getByLabel(words.port).waitFor();
  await look("add-listener");
  await openBalancer(visit, "web", "monitoring");
  await look("monitoring");
  await page.getByRole("tab", { name: words.tabs.groups }).click();
  await page.getByRole("link", { name: group, exact: true }).waitFor();
  await look("groups");
  const dialog = await openSettings(visit, group);
  await dialog.getByRole("switch", { name: words.persistence }).waitFor();
  await look("persistence");
  await page.keyboard.press("Escape");
  await openGroup(visit, group);
  await page.getByRole("rowheader").first().waitFor();
  await look("group");
  await openEvents(visit);
  await look("events");
}

/** Nobody trips over anything, in the light and in the dark. */
export async function access(visit) {
  const { page } = visit;
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    await pages(visit, async (what) => {
      await checkAccess(page, `${what}, ${colorScheme}`);
    });
  }
}

/** The pictures of the README, while clients come. */
export async function pictures(visit) {
  const { page, words, group } = visit;
  await page.emulateMedia({ reducedMotion: "reduce" });
  await openBalancer(visit, "web");
  await openGroup(visit, group);
  console.log("watching");
  const shares = page.locator(".bar.fresh .bar-value", { hasText: /[1-9][0-9]*%/ });
  await shares.first().waitFor();
  await picture(page, `group-${words.lang}`);
  await openBalancer(visit, "web", "groups");
  const dialog = await openSettings(visit, group);
  await dialog.getByLabel(words.duration).waitFor();
  await picture(page, `persistence-${words.lang}`);
}

/** At the width of a phone nothing is cut off: pages scroll down and never to the side. */
export async function phone(visit) {
  const { page } = visit;
  await pages(visit, async (what) => {
    const [wanted, there] = await page.evaluate(() => [document.documentElement.scrollWidth, window.innerWidth]);
    assert.ok(wanted <= there, `${what} is ${wanted} wide, where there are ${there}`);
  });
}
phone.options = { viewport: { width: 360, height: 740 } };

/** All that is needed can be reached and done by the keyboard. */
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

/** How long the first view takes, in milliseconds, and what is sent for it, in bytes. */
export async function firstView({ page, url }) {
  let sent = 0;
  const inspector = await page.context().newCDPSession(page);
  await inspector.send("Network.enable");
  inspector.on("Network.loadingFinished", ({ encodedDataLength }) => {
    sent += encodedDataLength;
  });
  const begun = performance.now();
  await page.goto(url);
  await page.getByRole("link", { name: "web", exact: true }).waitFor();
  return { ms: performance.now() - begun, bytes: sent };
}
