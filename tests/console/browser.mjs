// A real browser, and what has to be true of every page that it shows.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";

/** Where Debian's package has it. */
const CHROMIUM = process.env.HOLDFAST_CHROMIUM ?? "/usr/bin/chromium";
/** It asks nobody for anything by itself; and the sandbox does not go with root. */
const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
/** How long something may take to be seen, in milliseconds: on a busy machine. */
const PATIENCE_MS = 30_000;

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** A browser for the console at `url`, with which `use` does something. Afterwards nothing may have gone wrong unseen. */
export async function withBrowser(url, options, use) {
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS });
  try {
    const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, locale: "en-US", ...options });
    context.setDefaultTimeout(PATIENCE_MS);
    const watched = watch(context, new URL(url).origin);
    const page = await context.newPage();
    const { tolerate, tolerateAbsence, sent } = watched;
    const visit = { page, url, tolerate, tolerateAbsence, sent };
    await use(visit).catch(async (error) => {
      const seen = await page.locator("body").innerText().catch(() => "nothing");
      throw new Error(`${error.stack}\n\nThe page said:\n${seen}\n\nIt complained:\n${watched.problems().join("\n")}`);
    });
    assert.deepEqual(watched.problems(), [], "the console of the browser stays empty, and nobody else is asked");
  } finally {
    await browser.close();
  }
}

/** Notes what the pages of a browser complain of, whom they ask, and what they have changed. */
function watch(context, origin) {
  const problems = [];
  const tolerated = [];
  const sent = [];
  context.on("weberror", (error) => problems.push(`an error: ${error.error().stack}`));
  context.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) problems.push(`${message.text()} @ ${message.location().url}`);
  });
  context.on("request", (request) => {
    if (!request.url().startsWith(`${origin}/`)) problems.push(`an outside request: ${request.url()}`);
    if (request.method() !== "GET") sent.push(`${request.method()} ${request.url()} ${request.postData() ?? ""}`);
  });
  return {
    /** The changes that have been asked for so far. */
    sent: () => [...sent],
    /** The browser itself complains of refusals that a test is about. */
    tolerate: (status) => tolerated.push(`status of ${status} `),
    /** And of a daemon that is not there. */
    tolerateAbsence: () => tolerated.push("net::ERR_"),
    problems: () => problems.filter((problem) => !tolerated.some((part) => problem.includes(part))),
  };
}

/** What people who do not see or do not use a mouse would trip over on this page. */
export async function checkAccess(page, what) {
  const inspector = await page.context().newCDPSession(page);
  const run = (expression) =>
    inspector.send("Runtime.evaluate", { expression, awaitPromise: true, returnByValue: true });
  // By the inspector: the page itself lets no script in that is not its own.
  await run(axe);
  const answer = await run("axe.run(document, { resultTypes: ['violations'] }).then((found) => JSON.stringify(found.violations))");
  const serious = JSON.parse(answer.result.value).filter(({ impact }) => ["serious", "critical"].includes(impact));
  const told = serious.map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.map(({ html }) => html).join(" ")}`);
  assert.deepEqual(told, [], what);
}

/** Takes a picture, where pictures are wanted: of what is in view, or of the whole page. */
export async function picture(page, name, options = {}) {
  const directory = process.env.HOLDFAST_PICTURES;
  if (directory) await page.screenshot({ path: `${directory}/${name}.png`, ...options });
}
