import "./styles/base.css";
import "./styles/controls.css";
import "./styles/layout.css";
import "./styles/content.css";
import "./styles/charts.css";

import { render } from "preact";

import { App } from "./app";
import { LanguageProvider } from "./i18n";

const root = document.getElementById("app");
if (root) {
  render(
    <LanguageProvider>
      <App />
    </LanguageProvider>,
    root,
  );
}
