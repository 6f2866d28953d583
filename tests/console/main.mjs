// `node main.mjs SCENARIO URL [JSON]`: does what the scenario says with the console at that address. The last line that is printed is
// what it found, as JSON.
import { withBrowser } from "./browser.mjs";
import * as daily from "./scenarios/daily.mjs";
import * as flow from "./scenarios/flow.mjs";
import * as looks from "./scenarios/looks.mjs";
import * as mistakes from "./scenarios/mistakes.mjs";
import * as signIn from "./scenarios/sign-in.mjs";
import { words } from "./words.mjs";

const scenarios = { ...daily, ...flow, ...looks, ...mistakes, ...signIn };
const [name, url, further = "{}"] = process.argv.slice(2);
const scenario = scenarios[name];
if (!scenario) throw new Error(`there is no scenario ${name}; there are ${Object.keys(scenarios).join(", ")}`);
const { language = "en", ...given } = JSON.parse(further);
const options = { locale: words[language].locale, ...scenario.options };
let found = null;
await withBrowser(url, options, async (visit) => {
  found = await scenario({ ...visit, words: words[language], ...given });
});
console.log(JSON.stringify(found ?? null));
