// `node main.mjs SCENARIO URL [JSON]`: does what the scenario says with the console at that address. The last line that is printed is
// what it found, as JSON.
import { withBrowser } from "./browser.mjs";
import * as away from "./scenarios/away.mjs";
import * as daily from "./scenarios/daily.mjs";
import * as events from "./scenarios/events.mjs";
import * as fields from "./scenarios/fields.mjs";
import * as flow from "./scenarios/flow.mjs";
import * as keyboard from "./scenarios/keyboard.mjs";
import * as kinds from "./scenarios/kinds.mjs";
import * as listeners from "./scenarios/listeners.mjs";
import * as looks from "./scenarios/looks.mjs";
import * as mistakes from "./scenarios/mistakes.mjs";
import * as others from "./scenarios/others.mjs";
import * as servers from "./scenarios/servers.mjs";
import * as sessions from "./scenarios/sessions.mjs";
import * as signIn from "./scenarios/sign-in.mjs";
import * as traffic from "./scenarios/traffic.mjs";
import * as unsaved from "./scenarios/unsaved.mjs";
import { words } from "./words.mjs";

const flows = [daily, events, flow, keyboard, kinds, listeners, servers, sessions, traffic];
const care = [away, fields, looks, mistakes, others, signIn, unsaved];
const scenarios = Object.assign({}, ...flows, ...care);
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
