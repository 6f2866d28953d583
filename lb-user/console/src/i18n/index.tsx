import { type ComponentChildren, createContext } from "preact";
import { useContext, useEffect, useState } from "preact/hooks";

import { en, type Text } from "./en";
import { zh } from "./zh";

export type { Text };

const LANGUAGES = {
  en: { name: "English", tag: "en", text: en },
  zh: { name: "中文", tag: "zh-CN", text: zh },
};
export type Language = keyof typeof LANGUAGES;
export const languages = Object.entries(LANGUAGES).map(([code, { name, tag }]) => ({
  code: code as Language,
  name,
  tag,
}));

const KEPT = "holdfast.language";
const isLanguage = (code: string | null): code is Language => code !== null && code in LANGUAGES;

function preferred(): Language {
  try {
    const kept = localStorage.getItem(KEPT);
    if (isLanguage(kept)) return kept;
  } catch {
    // Storage may be switched off: the browser's languages do then.
  }
  const known = navigator.languages.map((tag) => tag.slice(0, 2).toLowerCase()).find(isLanguage);
  return known ?? "en";
}

interface Chosen {
  language: Language;
  tag: string;
  text: Text;
  choose(language: Language): void;
}

const LanguageContext = createContext<Chosen>({ language: "en", tag: "en", text: en, choose: () => undefined });

export function LanguageProvider(props: { children: ComponentChildren }) {
  const [language, setLanguage] = useState(preferred);
  const { tag, text } = LANGUAGES[language];
  useEffect(() => {
    document.documentElement.lang = tag;
  }, [tag]);
  const choose = (chosen: Language) => {
    setLanguage(chosen);
    try {
      localStorage.setItem(KEPT, chosen);
    } catch {
      // It holds until the page is left, then.
    }
  };
  return <LanguageContext.Provider value={{ language, tag, text, choose }}>{props.children}</LanguageContext.Provider>;
}

export const useLanguage = () => useContext(LanguageContext);
export const useText = () => useContext(LanguageContext).text;

/** The word for a constant of the API, or the constant, if it is one that this page does not know. */
export function word(words: object, constant: string): string {
  const found = (words as Record<string, unknown>)[constant];
  return typeof found === "string" ? found : constant;
}
