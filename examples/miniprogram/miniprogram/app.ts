/** Signs in at launch, silently; pages that start meanwhile wait for the same login. */

import { start } from './session'

App({
  onLaunch() {
    // Whoever needs the session asks for it again, and shows what went wrong.
    start().catch(() => undefined)
  },
})
