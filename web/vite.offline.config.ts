// The public page once more, as one file that works without a server: a browser opens it from disk, where it may fetch nothing and load
// no module (docs/spec/draw.md). Script and styles stand inside; a node serves it for download only.

import vue from '@vitejs/plugin-vue'
import { dirname } from 'node:path'
import { fileURLToPath, URL } from 'node:url'
import type { Plugin } from 'vite'
import { defineConfig } from 'vite'

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url))

/** Put the one script and the styles into the page and write nothing else. */
function oneFile(name: string): Plugin {
  return {
    name: 'one-file',
    apply: 'build',
    enforce: 'post',
    generateBundle(_, bundle): void {
      let [script, styles] = ['', '']
      for (const [file, output] of Object.entries(bundle)) {
        if (output.type === 'chunk') script += output.code
        else if (file.endsWith('.css')) styles += String(output.source)
        else throw new Error(`${file} has no place in one file`)
        delete bundle[file]
      }
      const inline = script.replace(/<\/(script)/gi, '<\\/$1')
      const source = `<!doctype html>
<html lang="zh-CN">
  <head>
    <meta charset="utf-8" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <meta http-equiv="content-security-policy" content="default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:" />
    <title>EvalRoom</title>
    <style>${styles}</style>
  </head>
  <body>
    <div id="app"></div>
    <script>${inline}</script>
  </body>
</html>
`
      this.emitFile({ type: 'asset', fileName: name, source })
    },
  }
}

export default defineConfig({
  root: dirname(here('./package.json')),
  publicDir: false,
  plugins: [vue(), oneFile('verify/offline.html')],
  resolve: { alias: { '@': here('./src') } },
  define: {
    'process.env.NODE_ENV': '"production"',
    __VUE_I18N_FULL_INSTALL__: false,
    __VUE_I18N_LEGACY_API__: false,
    __INTLIFY_PROD_DEVTOOLS__: false,
    __INTLIFY_DROP_MESSAGE_COMPILER__: false,
    __VUE_OPTIONS_API__: true,
    __VUE_PROD_DEVTOOLS__: false,
  },
  build: {
    outDir: here('../main_site/static'),
    emptyOutDir: false,
    target: 'chrome87',
    cssCodeSplit: false,
    assetsInlineLimit: 100_000,
    lib: { entry: here('./src/verify/main.ts'), formats: ['iife'], name: 'verify', fileName: 'verify' },
  },
})
