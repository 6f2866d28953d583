// What people do again and again.

/** Opens the page of a load balancer, at one of its tabs. */
export async function openBalancer({ page, url, words }, name, tab) {
  await page.goto(url);
  await page.getByRole("link", { name, exact: true }).click();
  if (tab) await page.getByRole("tab", { name: words.tabs[tab] }).click();
}

/** Another tab, as somebody else has it open, with all else that a scenario is given. */
export async function besides(visit) {
  return { ...visit, page: await visit.page.context().newPage() };
}

/** Presses the button of that name, in a dialog or on the page. */
export async function press(where, name) {
  await where.getByRole("button", { name, exact: typeof name === "string" }).click();
}

/** By name and password, in the form that asks for them. */
export async function signIn(where, name, password) {
  await where.getByLabel("Name", { exact: true }).fill(name);
  await where.getByLabel("Password").fill(password);
  await press(where, "Sign in");
}

/** Creates a load balancer at an address, whose page is shown then. */
export async function createBalancer({ page, url, words }, name, vip) {
  await page.goto(url);
  await press(page, words.createBalancer);
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel(words.name, { exact: true }).fill(name);
  await dialog.getByLabel(words.vip).fill(vip);
  await press(dialog, words.createBalancer);
  await page.getByRole("heading", { name, exact: true }).waitFor();
}

/** Chooses session persistence, in the fields that are the same wherever a group is made or changed. */
export async function choosePersistence(where, words, { type, minutes, lifetime, cookieName }) {
  await where.getByRole("switch", { name: words.persistence }).check();
  await where.getByRole("radio", { name: words[type] }).check();
  await where.getByLabel(words.duration).fill(String(minutes));
  if (lifetime !== undefined) await where.getByLabel(words.lifetime).fill(String(lifetime));
  if (cookieName) await where.getByLabel(words.cookieName).fill(cookieName);
}

/** Adds a listener by the wizard, together with a new group, of which `further` may say more. */
export async function addListener({ page, words }, { name, protocol, port, group, persistence }, further = () => {}) {
  await page.getByRole("tab", { name: words.tabs.listeners }).click();
  await page.getByRole("link", { name: words.addListener }).click();
  await page.getByLabel(words.name, { exact: true }).fill(name);
  await page.getByLabel(words.protocol).selectOption(protocol);
  await page.getByLabel(words.port).fill(String(port));
  await press(page, words.next);
  await page.getByLabel(words.groupName).fill(group);
  if (persistence) await choosePersistence(page, words, persistence);
  await further();
  await press(page, words.next);
  await press(page, words.addListener);
  await page.getByRole("tab", { name: words.tabs.listeners, selected: true }).waitFor();
}

/** Opens the page of a group from that of its load balancer. */
export async function openGroup({ page, words }, name) {
  await page.getByRole("tab", { name: words.tabs.groups }).click();
  await page.getByRole("link", { name, exact: true }).click();
  await page.getByRole("heading", { name, exact: true }).waitFor();
}

/** Adds a backend server to the group that is shown. */
export async function addMember({ page, words }, { name, address, port }) {
  await press(page, words.addMember);
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel(words.name, { exact: true }).fill(name);
  await dialog.getByLabel(words.address, { exact: true }).fill(address);
  await dialog.getByLabel(words.port, { exact: true }).fill(String(port));
  await press(dialog, words.addMember);
  await page.getByRole("rowheader", { name }).waitFor();
}

/** The dialog behind the gear of a group, at the tab of groups. */
export async function openSettings({ page, words }, group) {
  await press(page, words.settings(group));
  return page.getByRole("dialog");
}

/** Confirms what the dialog says, which goes away. */
export async function confirm(dialog, words) {
  await press(dialog, words.ok);
  await dialog.waitFor({ state: "detached" });
}

/** Leaves the dialog that is open, with what has been entered in it. */
export async function discard({ page, words }) {
  await page.keyboard.press("Escape");
  await press(page.getByRole("alertdialog"), words.discard);
}

/** Opens the page of events, in place of what was shown before. */
export async function openEvents({ page, words }) {
  await page.getByRole("link", { name: words.events }).click();
  await page.getByRole("heading", { name: words.events, exact: true }).waitFor();
  await page.getByRole("table").waitFor();
}
