/** What went wrong, in words for the user. */

import { NoAnswer, ServerError } from './graphql/transport'
import { Refused } from './submission'
import { SignedOut } from './session'

export function messageFor(error: unknown): string {
  if (error instanceof SignedOut) return 'You are signed out.'
  if (error instanceof Refused) return 'Without your permission your name stays unknown here.'
  if (error instanceof NoAnswer) return 'No connection. What you see was known before.'
  if (error instanceof ServerError) {
    const { code, requestId } = error.extensions
    if (code === 'USER_BLOCKED') return 'WeChat does not let you sign in at present.'
    if (code === 'RATE_LIMITED') return 'That was too often. Try again in a minute.'
    return `That did not work. Tell us this number: ${requestId}`
  }
  return 'That did not work. Try again.'
}
