// Every page, as it looks and as it reads: for people with and without eyes, in the light and in the dark, on a phone.
import assert from "node:assert/strict";
import { checkAccess, picture } from "../browser.mjs";
import { eventually } from "../reading.mjs";
import { openBalancer, openEvents, openGroup, openSettings, press } from "../steps.mjs";

/** All pages of a load balancer, and what opens on them, each in a state in which there is something to see. */
async function pages(visit, look) {
  const { page, url, words, group, balancer = "web" } = visit;
  /** What a button opens, which goes away by Escape. */
  const opened = async (name, what, where = page) => {
    await where.getByRole("button", { name, exact: typeof name === "string" }).first().click();
    const dialog = page.getByRole("dialog").or(page.getByRole("alertdialog"));
    await dialog.getByRole("button").last().waitFor();
    await look(what);
    await page.keyboard.press("Escape");
    await dialog.waitFor({ state: "detached" });
  };
  const tab = (name) => page.getByRole("tab", { name: words.tabs[name] }).click();
  await page.goto(url);
  await page.getByRole("link", { name: balancer, exact: true }).waitFor();
  await look("load-balancers");
  await opened(words.createBalancer, "create-load-balancer");
  await openBalancer(visit, balancer);
  await look("overview");
  await opened(words.edit, "edit-load-balancer");
  await opened(words.deleteAny, "delete-load-balancer");
  await tab("listeners");
  await page.getByRole("rowheader").first().waitFor();
  await look("listeners");
  await opened(words.editAny, "edit-listener");
  await page.getByRole("link", { name: words.addListener }).click();
  await page.getByLabel(words.port).fill("8443");
  await look("add-listener");
  await press(page, words.next);
  await page.getByLabel(words.groupName).waitFor();
  await look("add-listener, its group");
  await page.getByRole("radio", { name: words.existingGroup }).check();
  await press(page, words.next);
  await look("add-listener, reviewed");
  await openBalancer(visit, balancer, "monitoring");
  await page.getByRole("rowheader").first().waitFor();
  await look("monitoring");
  await tab("groups");
  await page.getByRole("link", { name: group, exact: true }).waitFor();
  await look("groups");
  await opened(words.settings(group), "persistence");
  await page.getByRole("link", { name: words.addGroup }).click();
  await page.getByLabel(words.name, { exact: true }).waitFor();
  await look("add-group");
  await openBalancer(visit, balancer, "groups");
  await openGroup(visit, group);
  const members = page.getByRole("region", { name: words.members, exact: false }).first();
  await members.getByRole("rowheader").first().waitFor();
  await look("group");
  await opened(words.editHealth, "edit-health-check");
  await opened(words.addMember, "add-member");
  await opened(words.editAny, "edit-member", members);
  await openEvents(visit);
  await look("events");
}

/** Nobody trips over anything, in the light and in the dark unless only one of them is asked for. */
export async function access(visit) {
  const { page, schemes = ["light", "dark"] } = visit;
  for (const colorScheme of schemes) {
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    await pages(visit, async (what) => {
      await checkAccess(page, `${what}, ${colorScheme}`);
    });
  }
}

/** Between what stands on a page, in pixels. */
const GAP = 16;

/** The pictures of the README, while clients come. */
export async function pictures(visit) {
  const { page, words, group } = visit;
  await page.emulateMedia({ reducedMotion: "reduce" });
  await openBalancer(visit, "web");
  await openGroup(visit, group);
  console.log("watching");
  const shares = page.locator(".bar.fresh .bar-value", { hasText: /[1-9][0-9]*%/ });
  await shares.first().waitFor();
  // All of who is held where, and nothing of what comes below it.
  const { y, height } = await page.locator("section", { has: shares.first() }).boundingBox();
  const { width } = page.viewportSize();
  await picture(page, `group-${words.lang}`, { clip: { x: 0, y: 0, width, height: y + height + GAP } });
  await openBalancer(visit, "web", "groups");
  const dialog = await openSettings(visit, group);
  await dialog.getByLabel(words.duration).waitFor();
  await picture(page, `persistence-${words.lang}`);
}

/** What goes beyond the screen: the page itself, what is open before it, or what would have to be pushed to the side. */
function tooWide() {
  const there = window.innerWidth;
  const found = [];
  const wanted = document.documentElement.scrollWidth;
  if (wanted > there) found.push(`the page is ${wanted} wide`);
  for (const element of document.querySelectorAll("body *")) {
    const { overflowX } = getComputedStyle(element);
    // What is typed moves along.
    const mayMove = element.closest("input, select, textarea");
    const isCut = element.scrollWidth > element.clientWidth + 1 && ["auto", "scroll"].includes(overflowX);
    const { right, width } = element.getBoundingClientRect();
    const isBeyond = element.matches("dialog[open]") && (right > there + 1 || width > there);
    if (!mayMove && (isCut || isBeyond)) found.push(`${element.outerHTML.slice(0, 120)} is ${element.scrollWidth} wide`);
  }
  return found;
}

/** On a large screen nothing is cut off: pages scroll down and never to the side. */
export async function screen(visit) {
  const { page } = visit;
  await pages(visit, async (what) => assert.deepEqual(await page.evaluate(tooWide), [], what));
}

/** What is drawn by its size is drawn again a frame after that has changed. */
function drawn() {
  return new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
}

const UPRIGHT = { width: 360, height: 740 };

/** Nor at the width of a phone, also when it was turned to the side and back. */
export async function phone(visit) {
  const { page } = visit;
  await pages(visit, async (what) => {
    assert.deepEqual(await page.evaluate(tooWide), [], what);
    await page.setViewportSize({ width: UPRIGHT.height, height: UPRIGHT.width });
    await page.evaluate(drawn);
    await page.setViewportSize(UPRIGHT);
    await eventually(`${what} after a turn`, async () => assert.deepEqual(await page.evaluate(tooWide), []));
  });
}
phone.options = { viewport: UPRIGHT };

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
