// Supervisors, operators and archivists check in by opening their page: their acts are signed like everybody's.

import { ref, watch } from 'vue'

import { type Said, sayError, sayOutcome } from '@/locale/errors'

import { useSession } from './store'

/** Register this browser's key as soon as the node has said who sits here; returns what went wrong, if anything. */
export function useStaffSeat() {
  const session = useSession()
  const said = ref<Said | null>(null)
  let asked = false

  watch(
    () => session.caughtUp && session.keyUnknown && !session.view.closed && !session.readOnly,
    async (needed) => {
      if (!needed || asked) return
      asked = true
      try {
        said.value = sayOutcome(await session.checkIn())
      } catch (error) {
        said.value = sayError(error)
      }
    },
    { immediate: true },
  )
  return said
}
