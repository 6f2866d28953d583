import { defineConfig } from "vite";

export default defineConfig({
  base: "./",
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
