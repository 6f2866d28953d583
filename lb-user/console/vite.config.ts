import { defineConfig } from "vite";

/** The daemon that `npm run dev` shows the page of. */
const daemon = process.env.HOLDFAST_API ?? "http://127.0.0.1:9876";

export default defineConfig({
  base: "./",
  // The host stays that of the page: the daemon changes nothing for pages of others.
  server: { proxy: { "/v2.0": { target: daemon }, "/console/session": { target: daemon } } },
  build: {
    target: "es2022",
    // The content security policy allows no inline scripts and no data: URLs.
    modulePreload: false,
    assetsInlineLimit: 0,
    // Names without hashes: the bundle is committed, and a change of it reads as a change of the same files.
    rolldownOptions: {
      output: { entryFileNames: "console.js", assetFileNames: "console[extname]" },
    },
  },
});
