// Handing a file to the person: the browser's own way of saving, without a window that scripts could be kept from opening.

const KEEP_MS = 60_000

export function download(name: string, content: BlobPart, type = 'application/octet-stream'): void {
  const url = URL.createObjectURL(new Blob([content], { type }))
  const link = document.createElement('a')
  link.href = url
  link.download = name
  link.click()
  // The browser reads it after the click has returned.
  setTimeout(() => URL.revokeObjectURL(url), KEEP_MS)
}
