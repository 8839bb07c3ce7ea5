// What tests and benchmarks in a real browser call: the sealing library on `window`, as a page would import it.
import * as bytes from '@/sealing/bytes'
import * as files from '@/sealing/files'
import * as open from '@/sealing/open'
import * as policy from '@/sealing/policy'
import * as primitives from '@/sealing/primitives'
import * as seal from '@/sealing/seal'
import * as sealing from '@/sealing/sealing'
import * as suites from '@/sealing/suites'

Object.assign(window, { evb1: { ...bytes, ...files, ...open, ...policy, ...primitives, ...seal, ...sealing, ...suites } })
