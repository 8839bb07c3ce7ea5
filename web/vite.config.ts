// One bundle per page; the node serves them from its own origin and nothing else is ever fetched.
// Built into the host application's static folder, which the wheel carries.

import vue from '@vitejs/plugin-vue'
import { cpSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { fileURLToPath, URL } from 'node:url'
import type { Plugin } from 'vite'
import { defineConfig } from 'vitest/config'

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url))
const STATIC = here('../main_site/static')

/** pdf.js fetches character maps and fonts at run time: without them a Chinese bid with unembedded fonts is blank. */
function pdfResources(): Plugin {
  return {
    name: 'pdf-resources',
    apply: 'build',
    writeBundle(): void {
      const source = here('node_modules/pdfjs-dist')
      for (const folder of ['cmaps', 'standard_fonts', 'wasm']) {
        cpSync(resolve(source, folder), resolve(STATIC, 'pdf', folder), { recursive: true })
      }
      cpSync(resolve(source, 'LICENSE'), resolve(STATIC, 'pdf', 'LICENSE'))
    },
  }
}

export default defineConfig({
  root: dirname(here('./package.json')),
  plugins: [vue(), pdfResources()],
  resolve: { alias: { '@': here('./src') } },
  define: {
    __VUE_I18N_FULL_INSTALL__: false,
    __VUE_I18N_LEGACY_API__: false,
    __INTLIFY_PROD_DEVTOOLS__: false,
    __INTLIFY_DROP_MESSAGE_COMPILER__: false,
    __VUE_OPTIONS_API__: true,
    __VUE_PROD_DEVTOOLS__: false,
  },
  // The sealing worker fetches the library only where the browser lacks an algorithm: chunks need modules.
  worker: { format: 'es' },
  build: {
    outDir: STATIC,
    emptyOutDir: true,
    target: 'chrome87',
    // The browser of a seat is old, not slow: a polyfill for module preloading would be an inline script.
    modulePreload: { polyfill: false },
    // A data: address would need a hole in the content security policy.
    assetsInlineLimit: 0,
    manifest: 'manifest.json',
    // pdf.js alone is larger than the usual warning; it is loaded when the first bid is opened.
    chunkSizeWarningLimit: 1400,
    rollupOptions: {
      input: {
        index: here('./index.html'),
        seat: here('./seat/index.html'),
        wall: here('./wall/index.html'),
        site: here('./site/index.html'),
        replay: here('./replay/index.html'),
        bidder: here('./bidder/index.html'),
        verify: here('./verify/index.html'),
      },
    },
  },
  test: {
    environment: 'happy-dom',
    include: ['tests/**/*.test.ts'],
    restoreMocks: true,
    testTimeout: 30_000, // a machine that is busy is no bug
    // The kit's parts import their styles, which Node by itself cannot read.
    server: { deps: { inline: ['element-plus'] } },
  },
})
