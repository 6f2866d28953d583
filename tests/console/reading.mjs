// What a page says, read as people read it, and what the API says of the same.
import assert from "node:assert/strict";

/** How long something may take to become true, in milliseconds: on a busy machine. */
const PATIENCE_MS = 30_000;
const PAUSE_MS = 50;

/** Tries until it goes well, and says how it went last if it never does. */
export async function eventually(what, attempt, patience = PATIENCE_MS) {
  for (const deadline = performance.now() + patience; ; ) {
    try {
      return await attempt();
    } catch (failure) {
      if (performance.now() > deadline) throw new Error(`${what}: ${failure.stack}`);
    }
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
}

/** Asks the API beside the page, as somebody else would. */
export async function api({ page, url }, path, method = "GET", data = undefined) {
  const address = new URL(`/v2.0/lbaas${path}`, url).href;
  const answer = await page.request.fetch(address, { method, data, headers: { "X-Holdfast-Console": "1" } });
  const body = await answer.text();
  assert.ok(answer.ok(), `${method} ${path}: ${answer.status()} ${body}`);
  return body && JSON.parse(body);
}

/** The object of that name, by the path of its kind. */
export async function named(visit, path, name) {
  const all = await api(visit, `${path}?name=${encodeURIComponent(name)}`);
  const [object] = all[path.slice(path.lastIndexOf("/") + 1)];
  assert.ok(object, `there is no ${name} in ${path}`);
  return object;
}

/** What a table says: a row each, by the labels of its columns. */
export function rows(table) {
  return table.evaluate((element) => {
    const labels = [...element.querySelectorAll("thead th")].map((cell) => cell.textContent.trim());
    const read = (row) => [...row.cells].map((cell, column) => [labels[column], cell.innerText.trim()]);
    return [...element.querySelectorAll("tbody tr")].map((row) => Object.fromEntries(read(row)));
  });
}

/** What a list of details says, by its terms. */
export function details(region) {
  return region.evaluate((element) => {
    const terms = [...element.querySelectorAll("dt")];
    return Object.fromEntries(terms.map((term) => [term.innerText.trim(), term.nextElementSibling.innerText.trim()]));
  });
}

/** The number that a cell begins with; none where it says that none is known. */
export function numberIn(text) {
  const [found] = /^[0-9][0-9,.]*/.exec(text) ?? [];
  return found === undefined ? null : Number(found.replaceAll(",", ""));
}

/** What else is said of an element, beside its name. */
export function describedBy(element) {
  return element.evaluate((described) =>
    (described.getAttribute("aria-describedby") ?? "")
      .split(" ")
      .map((id) => document.getElementById(id)?.innerText ?? "")
      .concat(described.title)
      .join(" "),
  );
}

/** A field is said to be wrong, at the field itself. */
export async function isWrong(field, says, what = "a field to be wrong") {
  await eventually(what, async () => {
    assert.equal(await field.getAttribute("aria-invalid"), "true");
    assert.match(await describedBy(field), says);
  });
}

/** Notes that this page has not been loaded again; returns how to see whether that is so still. */
export async function remember(page) {
  await page.evaluate(() => Object.assign(window, { isTheSame: true }));
  return async () => assert.ok(await page.evaluate(() => window.isTheSame), "nobody has loaded the page again");
}
