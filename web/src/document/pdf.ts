// pdf.js, loaded only when a bid is opened; worker, character maps and fonts come from this origin.
// Documents are read by range: nobody waits for the last of 300 pages to see the first.

import type { PDFDocumentProxy } from 'pdfjs-dist'
// The legacy build carries the polyfills that Chromium 87 lacks.
import workerUrl from 'pdfjs-dist/legacy/build/pdf.worker.min.mjs?url'

export type { PDFDocumentProxy, PDFPageProxy } from 'pdfjs-dist'

const RANGE_BYTES = 1 << 16

export interface OpenDocument {
  readonly pdf: PDFDocumentProxy
  close(): void
}

/** Open the document at `url`; rejects with pdf.js's own error when it is none. */
export async function openDocument(url: string): Promise<OpenDocument> {
  const pdfjs = await import('pdfjs-dist/legacy/build/pdf.mjs')
  pdfjs.GlobalWorkerOptions.workerSrc = workerUrl
  const task = pdfjs.getDocument({
    url,
    withCredentials: true,
    rangeChunkSize: RANGE_BYTES,
    disableAutoFetch: true,
    disableStream: true,
    cMapUrl: '/pdf/cmaps/',
    cMapPacked: true,
    standardFontDataUrl: '/pdf/standard_fonts/',
    wasmUrl: '/pdf/wasm/',
    // WebAssembly would need a hole in the content security policy; its JavaScript fall-back is in the same folder.
    useWasm: false,
    enableXfa: false,
  })
  const pdf = await task.promise
  return { pdf, close: () => void task.destroy() }
}
