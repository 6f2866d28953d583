// Who gets in, who does not, and what those may do who only look on.
import assert from "node:assert/strict";
import { press, signIn } from "../steps.mjs";

/** With a wrong password nobody is let in; too often, and even the right one has to wait; a session ends by signing out. */
export async function failures({ page, url, tolerate, name, password }) {
  [401, 429].forEach(tolerate);
  await page.goto(url);
  await page.getByRole("heading", { name: "Sign in" }).waitFor();
  await press(page, "Sign in");
  await page.getByText("This field is required.").first().waitFor();
  await signIn(page, name, "wrong");
  await page.getByText("Sign-in failed.").waitFor();
  assert.equal(await page.getByRole("heading", { name: "Load balancers" }).count(), 0);
  await signIn(page, name, password);
  await page.getByRole("heading", { name: "Load balancers" }).waitFor();
  const scripts = await page.evaluate(() => document.cookie);
  assert.equal(scripts, "", "no script sees the cookie");
  await press(page, "Sign out");
  await page.getByRole("heading", { name: "Sign in" }).waitFor();
  await page.reload();
  await page.getByRole("heading", { name: "Sign in" }).waitFor();
  for (let tries = 0; tries < 12; tries += 1) {
    if (await page.getByRole("button", { name: "Sign in" }).isDisabled()) break;
    await signIn(page, name, `wrong ${tries}`);
    await page.getByRole("alert").first().waitFor();
  }
  await page.getByText("Too many failed attempts.").waitFor();
}

/** By a token, and back at the same place. */
export async function token({ page, url, tolerate, token: shown, place }) {
  tolerate(401);
  await page.goto(`${url}${place}`);
  await press(page, "Use a token instead");
  await page.getByLabel("Token").fill(shown);
  await press(page, "Sign in");
  await page.getByRole("heading", { name: "Events" }).waitFor();
  assert.ok(page.url().endsWith(place));
}

/** Those who only look on are offered nothing that changes anything. */
export async function observer({ page, url, tolerate, name, password }) {
  tolerate(401);
  await page.goto(url);
  await signIn(page, name, password);
  await page.getByText("your role is observer").waitFor();
  assert.equal(await page.getByRole("button", { name: /Create|Edit|Delete|Add/ }).count(), 0);
}
