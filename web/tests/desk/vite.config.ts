// Builds the expert's desk into one page for benchmarks and pictures: `vite build -c tests/desk/vite.config.ts --outDir DIR`.
import vue from '@vitejs/plugin-vue'
import { fileURLToPath, URL } from 'node:url'
import { defineConfig } from 'vite'

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url))

export default defineConfig({
  root: here('.'),
  base: './',
  plugins: [vue()],
  resolve: { alias: { '@': here('../../src') } },
  build: { target: 'chrome87', modulePreload: { polyfill: false }, emptyOutDir: true },
})
