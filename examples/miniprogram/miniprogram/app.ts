/** Signs in at launch, silently; pages that start meanwhile wait for the same login. */

import { askWhenNeeded } from './privacy'
import { start } from './session'
import { offerUpdates } from './updates'

App({
  onLaunch() {
    offerUpdates()
    askWhenNeeded()
    // A page that needs the session asks for it again, and shows what went wrong.
    start().catch(() => undefined)
  },
})
