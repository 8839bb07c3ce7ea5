// Builds the sealing library into one page for tests in a real browser: `vite build -c tests/window/vite.config.ts --outDir DIR`.
import { fileURLToPath, URL } from 'node:url'
import { defineConfig } from 'vite'

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url))

export default defineConfig({
  root: here('.'),
  base: './',
  resolve: { alias: { '@': here('../../src') } },
  worker: { format: 'es' },
  build: { target: 'chrome87', modulePreload: { polyfill: false }, emptyOutDir: true },
})
