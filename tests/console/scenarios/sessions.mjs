// Who is held where: one by one, however many they are.
import assert from "node:assert/strict";
import { api, describedBy, eventually, named, rows } from "../reading.mjs";
import { openBalancer, openGroup, press } from "../steps.mjs";

const PER_PAGE = 20;
const counted = (n) => `${n.toLocaleString("en")} ${n === 1 ? "session" : "sessions"}`;

/** Opens the page of a group, and says how its sessions are looked at there and asked for. */
async function sessionsOf(visit) {
  const { page, words, group } = visit;
  await openBalancer(visit, "web");
  await openGroup(visit, group);
  const pool = await named(visit, "/pools", group);
  const region = page.getByRole("region", { name: words.sessions });
  const table = region.getByRole("table");
  const shown = async () => (await rows(table)).map((row) => [row.Session, row["Backend server"]]);
  const asked = async (query) => {
    const { sessions, total } = await api(visit, `/pools/${pool.id}/sessions?${new URLSearchParams(query)}`);
    return { total, sessions: sessions.map(({ id, member }) => [id, member]) };
  };
  return {
    region,
    pool,
    asked,
    /** The page of that number shows these, of so many. */
    isPage: (number, sessions, total) =>
      eventually(`page ${number} of the sessions`, async () => {
        assert.deepEqual(await shown(), sessions);
        assert.ok(await region.getByText(counted(total), { exact: true }).isVisible(), counted(total));
        const pager = region.getByText(`Page ${number}`, { exact: true });
        assert.equal(await pager.count(), total > PER_PAGE ? 1 : 0);
      }),
    search: async (text, by = words.clientSought) => {
      const way = region.getByLabel("Find by");
      if (by !== words.clientSought) await way.selectOption({ label: by });
      await region.getByLabel(by, { exact: true }).fill(text);
      await press(region, "Search");
    },
  };
}

/** The sessions of a list from its first page on, as many pages as are wanted, and back by one. */
async function leafsThrough({ region, asked, isPage }, query, most) {
  const { sessions, total } = await asked({ ...query, limit: most * PER_PAGE });
  const pages = Math.ceil(sessions.length / PER_PAGE);
  const on = (number) => isPage(number, sessions.slice((number - 1) * PER_PAGE, number * PER_PAGE), total);
  await on(1);
  assert.ok(await region.getByRole("button", { name: "Previous page" }).isDisabled(), "this is the first one");
  for (let number = 2; number <= pages; number += 1) {
    await press(region, "Next page");
    await on(number);
  }
  const isLast = sessions.length === total;
  assert.equal(await region.getByRole("button", { name: "Next page" }).isDisabled(), isLast, "nothing follows the last one");
  await press(region, "Previous page");
  await on(pages - 1);
  return { sessions, total };
}

/** Sessions are shown page by page, found by what they are known by, and by where they are held. */
export async function pageThroughSessions(visit) {
  const { pages, total, member, cookie } = visit;
  const held = await sessionsOf(visit);
  const { region, asked, isPage, search } = held;
  const all = await leafsThrough(held, {}, pages);
  assert.equal(all.total, total);
  assert.equal(new Set(all.sessions.map(([id]) => id)).size, all.sessions.length, "nobody is shown twice");

  // From whichever page, somebody of another one is found, however their cookie is written.
  const [sought, where] = visit.sought ? (await asked({ client: visit.sought })).sessions[0] : all.sessions.at(-1);
  if (visit.sought) await search(visit.sought);
  else await search(sought.toUpperCase(), "Session ID");
  await isPage(1, [[sought, where]], 1);
  await press(region, "Clear");
  await isPage(1, all.sessions.slice(0, PER_PAGE), total);
  if (visit.sought) await findNetwork(visit, held);
  if (member) await filterByMember(visit, held, all);
  if (cookie) await findCookie(visit, held);
}

/** All of a network that holds more than one page of clients, and not all of them. */
async function findNetwork({ network }, { region, asked, isPage, search }) {
  const { sessions, total } = await asked({ client: network, limit: PER_PAGE });
  assert.ok(sessions.length > 1, network);
  await search(network);
  await isPage(1, sessions, total);
  await press(region, "Clear");
}

/** By what a client sends, which nobody else is to know: no address has it, and the browser does not keep it. */
async function findCookie(visit, { region, pool, isPage, search }) {
  const { page, cookie } = visit;
  const addresses = [];
  page.on("request", (request) => addresses.push(request.url()));
  const { sessions } = await api(visit, `/pools/${pool.id}/sessions/search`, "POST", { cookie });
  assert.equal(sessions.length, 1);
  const before = await page.evaluate(() => history.length);
  await search(cookie, "Cookie value");
  await isPage(1, [[sessions[0].id, sessions[0].member]], 1);
  const field = region.getByLabel("Cookie value", { exact: true });
  assert.match(await describedBy(field), /JSESSIONID/);
  assert.equal(await field.getAttribute("autocomplete"), "off");
  // Another way of looking for it begins with nothing, or what was a value would be asked for as an id.
  await region.getByLabel("Find by").selectOption({ label: "Session ID" });
  await isPage(1, (await api(visit, `/pools/${pool.id}/sessions?limit=${PER_PAGE}`)).sessions.map(({ id, member }) => [id, member]), visit.total);
  // So does what was typed only, and never looked for.
  const by = region.getByLabel("Find by");
  await by.selectOption({ label: "Cookie value" });
  await field.fill(cookie);
  await by.focus();
  await by.selectOption({ label: "Session ID" });
  assert.equal(await region.getByLabel("Session ID", { exact: true }).inputValue(), "");
  assert.ok(await by.evaluate((element) => element === document.activeElement), "who chooses goes on choosing");
  await search(`${cookie}-of-nobody`, "Cookie value");
  await region.getByText("No session matches.").waitFor();
  assert.ok(addresses.length > 0 && ![...addresses, page.url()].some((address) => address.includes(cookie)), addresses.join(" "));
  assert.equal(await page.evaluate(() => history.length), before);
}

/** Only those that are held by one backend server, which is chosen by what it says of them. */
async function filterByMember(visit, held, all) {
  const { page, member } = visit;
  const { region, asked, isPage, search } = held;
  const { members } = await api(visit, `/pools/${held.pool.id}/members`);
  const { id } = members.find(({ name }) => name === member);
  await press(page.getByRole("row", { name: new RegExp(member) }), new RegExp(`Show sessions on ${member}`));
  const theirs = await leafsThrough(held, { member_id: id }, 2);
  assert.ok(theirs.total > PER_PAGE && theirs.total < all.total, "some of all");
  assert.ok(theirs.sessions.every(([, one]) => one === member));
  // Somebody who is held by another one is not among them.
  const [others] = (await asked({ limit: 1000 })).sessions.filter(([, one]) => one !== member);
  await search(others[0]);
  await region.getByText("No session matches.").waitFor();
  await press(region, "Show all");
  await isPage(1, [others], 1);
  await press(region, "Clear");
  await isPage(1, all.sessions.slice(0, PER_PAGE), all.total);
}
