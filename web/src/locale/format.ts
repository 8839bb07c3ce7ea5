// Instants, sizes and money as they are read at a venue.

const TWO = (n: number): string => String(n).padStart(2, '0')

/** Return the wall-clock time of `ms` at this workstation, to the second. */
export function clockTime(ms: number): string {
  const date = new Date(ms)
  return `${TWO(date.getHours())}:${TWO(date.getMinutes())}:${TWO(date.getSeconds())}`
}

/** Return date and time of `ms` at this workstation, to the minute. */
export function dayTime(ms: number): string {
  const date = new Date(ms)
  return `${date.getFullYear()}-${TWO(date.getMonth() + 1)}-${TWO(date.getDate())} ${TWO(date.getHours())}:${TWO(date.getMinutes())}`
}

/** Return a duration as m:ss or h:mm:ss. */
export function duration(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000))
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60]
  return h > 0 ? `${h}:${TWO(m)}:${TWO(s)}` : `${m}:${TWO(s)}`
}

export function megabytes(mb: number): string {
  return mb >= 1024 ? `${(mb / 1024).toFixed(1)} GB` : `${mb} MB`
}

/** Return a number of bytes as people say it. */
export function fileSize(bytes: number): string {
  if (bytes < 1024 * 1024) return `${Math.max(1, Math.ceil(bytes / 1024))} KB`
  const mb = bytes / (1024 * 1024)
  return mb < 1024 ? `${mb.toFixed(1)} MB` : `${(mb / 1024).toFixed(2)} GB`
}

/** Return an amount in fen as yuan with two digits and groups of three. */
export function yuan(fen: number | string): string {
  const digits = String(fen).padStart(3, '0')
  const whole = digits.slice(0, -2).replace(/\B(?=(\d{3})+$)/g, ',')
  return `${whole}.${digits.slice(-2)}`
}

/** Return the fen that `text` means in yuan, as digits, or null when it is no amount. */
export function fenOf(text: string): string | null {
  const match = /^(\d{1,13})(?:\.(\d{1,2}))?$/.exec(text.replace(/[,，\s]/g, ''))
  if (match === null) return null
  return ((match[1] ?? '') + (match[2] ?? '').padEnd(2, '0')).replace(/^0+(?=\d)/, '')
}

/** Return an exact rational "n/d" with up to `digits` digits after the point, cut, for the eye only. */
export function rational(text: string, digits = 4): string {
  const [top = '0', bottom = '1'] = text.split('/')
  if (!text.includes('/')) return text
  const negative = top.startsWith('-')
  const magnitude = BigInt(top.replace('-', ''))
  const scaled = ((magnitude * BigInt(10) ** BigInt(digits)) / BigInt(bottom)).toString().padStart(digits + 1, '0')
  const point = scaled.length - digits
  const fraction = scaled.slice(point).replace(/0+$/, '')
  return `${negative ? '−' : ''}${scaled.slice(0, point)}${fraction === '' ? '' : `.${fraction}`}`
}
