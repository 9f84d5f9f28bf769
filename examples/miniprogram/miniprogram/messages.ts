/** What went wrong, in words for the user. */

import { NoAnswer, ServerError } from './graphql/transport'
import { Unconfirmed } from './my-data'
import { NumberRefused, NumberUnavailable } from './phone-number'
import { Refused } from './submission'
import { SignedOut } from './session'
import { TooLarge } from './upload'

const TOO_LARGE = 'This picture is too large. Choose a smaller one.'

export function messageFor(error: unknown): string {
  if (error instanceof SignedOut) return 'You are signed out.'
  if (error instanceof Refused) return 'Without your permission your name stays unknown here.'
  if (error instanceof NumberRefused) return 'Without your permission your phone number stays unknown here.'
  if (error instanceof NumberUnavailable) return 'WeChat does not give phone numbers here at present.'
  if (error instanceof Unconfirmed) return 'No answer came. Sign in to see what is left, and delete it again.'
  if (error instanceof TooLarge) return TOO_LARGE
  if (error instanceof NoAnswer) return 'No connection. What you see was known before.'
  if (error instanceof ServerError) {
    const { code, action, requestId } = error.extensions
    if (code === 'USER_BLOCKED') return 'WeChat does not let you sign in at present.'
    if (code === 'RATE_LIMITED') return 'That was too often. Try again in a minute.'
    if (code === 'PHONE_IN_USE') return 'Another user has this phone number here.'
    if (code === 'CODE_OF_ANOTHER_PERSON') return 'Another user is signed in to WeChat. Sign out here first.'
    if (code === 'TEXT_REFUSED') return 'WeChat does not allow this name. Choose another one.'
    if (code === 'PICTURE_REFUSED') return 'WeChat does not allow this picture. Choose another one.'
    if (code === 'PICTURE_UNUSABLE') return 'This picture cannot be used. Choose another one.'
    if (code === 'UPLOAD_NOT_FOUND') return 'This picture got lost. Choose it again.'
    if (code === 'PAYLOAD_TOO_LARGE') return TOO_LARGE
    if (code === 'BAD_USER_INPUT') return 'That cannot be used. Choose something else.'
    if (code === 'NOT_ENABLED') return 'That is not offered here.'
    if (action === 'ASK_AGAIN' || action === 'COLLECT_AGAIN') return 'That did not work. Tap once more.'
    return `That did not work. Tell us this number: ${requestId}`
  }
  return 'That did not work. Try again.'
}
