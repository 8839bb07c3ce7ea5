// An error of this page as a person reads it: what happened, what is safe, what to do; the stable code small below.

import { type Said, sayCode, sayError } from '@/locale/errors'
import { SealingError } from '@/sealing/errors'

import { NothingToRelease } from './acts'
import { CertificateError } from './identity'
import { KeyFileError } from './keyFile'

export function sayBidderError(error: unknown): Said {
  if (error instanceof SealingError) return sayCode(error.code, '', error.detail)
  if (error instanceof KeyFileError || error instanceof NothingToRelease) return sayCode(error.code, '')
  if (error instanceof CertificateError) return sayCode(`certificate_${error.code}`, '')
  return sayError(error)
}
