// Every form, field by field: what a field does not take is said at that field, and nothing is sent.
import assert from "node:assert/strict";
import { api, isWrong, named } from "../reading.mjs";
import { confirm, createBalancer, discard, openBalancer, openGroup, openSettings, press } from "../steps.mjs";

const WHOLE = ["", "1.5", "-1", "many", "1e1", "1 0"];
const range = (low, high, says, right = String(low)) => ({
  wrong: [...WHOLE, String(low - 1), String(high + 1)],
  says: new RegExp(`required|whole number from ${says}`),
  right,
});
const NAME = { wrong: ["n".repeat(256)], says: /at most 255 characters/, right: "n".repeat(255) };
const ADDRESS = {
  wrong: ["", "nonsense", "10.0.0", "10.0.0.300", "10.0.0.1:80", "10.0.0.0/24", "http://10.0.0.1", "2001:db8::g"],
  says: /IPv4 or IPv6/,
  right: "10.0.0.1",
};
const PORT = range(1, 65_535, "1 to 65,535", "80");
const WEIGHT = range(0, 256, "0 to 256", "1");
const NEEDED = { wrong: ["", "  "], says: /required/, right: "shop" };
const COOKIE = { wrong: ["", " ", "two words", "a;b", "a,b", "a\\b"], says: /required|no spaces/, right: "JSESSIONID" };
const minutes = (most, says) => range(1, most, `1 to ${says}`, "20");
/** No shorter than the duration, and it may be left out. */
const LIFETIME = {
  wrong: [...WHOLE.filter((value) => value !== ""), "19", "10081"],
  says: /whole number from 20 to 10,080/,
  right: "",
};
/** What the fields of a health check by HTTP do not take. */
const CHECK = {
  // No timeout fits some of these either.
  "Interval (seconds)": { ...range(1, 3600, "1 to 3,600", "5"), others: ["Timeout (seconds)"] },
  "Timeout (seconds)": range(1, 3600, "1 to 3,600", "3"),
  "Healthy threshold": range(1, 10, "1 to 10", "3"),
  "Unhealthy threshold": range(1, 10, "1 to 10", "3"),
  Path: { wrong: ["", "health", "//health", "/two words"], says: /begins with \//, right: "/health" },
  "Expected status codes": { wrong: ["", "20", "well", "200-", "200,,204", "200 204"], says: /such as 200/, right: "200" },
};

/** The same fields in another form: a value is enough that is nothing, and one that is too much. */
function again(fields) {
  const some = ([label, field]) => [label, { ...field, wrong: [field.wrong[0], field.wrong.at(-1)] }];
  return Object.fromEntries(Object.entries(fields).map(some));
}

const labelsOf = (controls) => controls.map((control) => control.labels?.[0]?.innerText ?? control.outerHTML);

/** None of these values is taken: that is said at the field that it is about and at no other, and nothing is sent. */
async function takesNone(visit, form, submit, fields) {
  const before = visit.sent();
  for (const [label, { right }] of Object.entries(fields)) await form.getByLabel(label, { exact: true }).fill(right);
  for (const [label, { wrong, says, right, others = [] }] of Object.entries(fields)) {
    const field = form.getByLabel(label, { exact: true });
    for (const value of wrong) {
      await field.fill(value);
      await press(form, submit);
      await isWrong(field, says, `${label} not to take "${value}"`);
      const complained = await form.locator('[aria-invalid="true"]').evaluateAll(labelsOf);
      const besides = complained.filter((one) => one !== label && !others.includes(one));
      assert.deepEqual(besides, [], `${label} alone does not take "${value}"`);
    }
    await field.fill(right);
  }
  assert.deepEqual(visit.sent(), before, "nothing is sent");
}

/** A timeout is no longer than the interval, in whichever of the two that is changed. */
async function timeoutFits(form, submit) {
  const timeout = form.getByLabel("Timeout (seconds)");
  await timeout.fill("6");
  await press(form, submit);
  await isWrong(timeout, /No longer than the interval/);
  await timeout.fill("3");
}

async function ofLoadBalancers(visit) {
  const { page, url, words } = visit;
  await page.goto(url);
  await press(page, words.createBalancer);
  const dialog = page.getByRole("dialog");
  const fields = { Name: NAME, Description: NAME, [words.vip]: { ...ADDRESS, right: visit.vip } };
  await takesNone(visit, dialog, words.createBalancer, fields);
  await discard(visit);

  await createBalancer(visit, "web", visit.vip);
  await press(page, "Edit");
  await takesNone(visit, page.getByRole("dialog"), words.ok, { Name: NAME, Description: NAME });
  await discard(visit);
}

async function ofAddingListeners(visit) {
  const { page, words } = visit;
  await openBalancer(visit, "web", "listeners");
  await page.getByRole("link", { name: words.addListener }).click();
  const form = page.getByRole("form", { name: words.addListener });
  await takesNone(visit, form, words.next, { Name: NAME, Port: PORT });
  await form.getByLabel(words.protocol, { exact: true }).selectOption("TERMINATED_HTTPS");
  await takesNone(visit, form, words.next, { Certificate: NEEDED });
  await form.getByLabel(words.protocol, { exact: true }).selectOption("HTTP");
  await press(form, words.next);

  await form.getByRole("radio", { name: "Existing backend server group" }).check();
  await press(form, words.next);
  await isWrong(form.getByLabel("Backend server group", { exact: true }), /no backend server group with a matching protocol/);
  await form.getByRole("radio", { name: "New backend server group" }).check();
  await form.getByRole("switch", { name: words.persistence }).check();
  await form.getByRole("radio", { name: words.applicationCookie }).check();
  await form.getByRole("switch", { name: /health/ }).check();
  const fields = { "Group name": NAME, [words.duration]: minutes(1440, "1,440"), [words.lifetime]: LIFETIME, "Cookie name": COOKIE, ...CHECK };
  await takesNone(visit, form, words.next, fields);
  await timeoutFits(form, words.next);
  await press(form, words.next);
  await press(form, words.addListener);
  await page.getByRole("tab", { name: words.tabs.listeners, selected: true }).waitFor();
}

async function ofAddingGroups(visit) {
  const { page, words } = visit;
  await openBalancer(visit, "web", "groups");
  await page.getByRole("link", { name: words.addGroup }).click();
  const form = page.getByRole("form", { name: words.addGroup });
  await form.getByLabel(words.protocol, { exact: true }).selectOption("TCP");
  await form.getByRole("switch", { name: words.persistence }).check();
  const times = { [words.duration]: minutes(60, "60"), [words.lifetime]: LIFETIME };
  await takesNone(visit, form, words.next, { Name: { ...NAME, right: "lines" }, ...times });
  await press(form, words.next);
  await form.getByRole("switch", { name: /health/ }).check();
  await form.getByLabel("Type", { exact: true }).selectOption("HTTP");
  await press(form, words.addMember);
  await takesNone(visit, form, words.next, { ...again(CHECK), Address: ADDRESS, Port: PORT });
  await timeoutFits(form, words.next);
  await press(form, words.next);
  await press(form, words.addGroup);
  await page.getByRole("heading", { name: "lines", exact: true }).waitFor();
}

async function ofGroups(visit) {
  const { page, words } = visit;
  await openBalancer(visit, "web", "groups");
  let dialog = await openSettings(visit, "lines");
  await takesNone(visit, dialog, words.ok, { Name: { ...NAME, right: "lines" }, [words.duration]: minutes(60, "60") });
  await confirm(dialog, words);

  await openGroup(visit, "lines");
  await press(page, "Delete health check");
  await press(page.getByRole("alertdialog"), "Delete health check");
  await press(page, words.addMember);
  dialog = page.getByRole("dialog");
  const fields = { Name: NAME, Address: { ...ADDRESS, right: "10.0.0.2" }, Port: PORT, Weight: WEIGHT };
  await takesNone(visit, dialog, words.addMember, fields);
  await dialog.getByLabel(words.name, { exact: true }).fill("one");
  await press(dialog, words.addMember);
  await dialog.waitFor({ state: "detached" });
  await press(page, "Edit one");
  await takesNone(visit, dialog, words.ok, again({ Name: NAME, Weight: WEIGHT }));
  await discard(visit);

  await press(page, "Add health check");
  await dialog.getByLabel("Type", { exact: true }).selectOption("HTTP");
  await takesNone(visit, dialog, words.ok, again(CHECK));
  await timeoutFits(dialog, words.ok);
  await confirm(dialog, words);
  await press(page, "Edit health check");
  await takesNone(visit, dialog, words.ok, again(CHECK));
  await timeoutFits(dialog, words.ok);
  await discard(visit);
}

async function ofListeners(visit) {
  const { page, words, certificate } = visit;
  const { id } = await named(visit, "/loadbalancers", "web");
  const listener = { name: "secured", protocol: "TERMINATED_HTTPS", protocol_port: 443, loadbalancer_id: id };
  await api(visit, "/listeners", "POST", { listener: { ...listener, default_tls_container_ref: certificate } });
  await openBalancer(visit, "web", "listeners");
  await press(page, "Edit listener secured");
  await takesNone(visit, page.getByRole("dialog"), words.ok, { Name: NAME, Certificate: NEEDED });
}

async function ofSearching(visit) {
  const { page, words } = visit;
  await openBalancer(visit, "web", "groups");
  await openGroup(visit, "lines");
  const wrong = ["somebody", "10.0.0.300", "0123456789abcdef", "10.0.0.0/33", "10.0.0.0/8/8", "10.0.0.0/", "2001:db8::/129"];
  const sought = { wrong, says: /address such as .* network such as/, right: "10.0.0.0/8" };
  const sessions = page.getByRole("region", { name: words.sessions }).getByRole("search");
  await takesNone(visit, sessions, "Search", { [words.clientSought]: sought });
}

/** Each field of each form, with what it does not take. */
export async function fields(visit) {
  await ofLoadBalancers(visit);
  await ofAddingListeners(visit);
  await ofAddingGroups(visit);
  await ofGroups(visit);
  await ofListeners(visit);
  await ofSearching(visit);
}
