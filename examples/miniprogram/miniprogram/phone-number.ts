/** Submits the phone number that WeChat gives when the user taps its button. The order counts: log in, tap, submit. */

import type { PhoneFragment } from './generated/graphql'
import { SubmitEncryptedPhoneNumberDocument, SubmitPhoneNumberDocument } from './generated/graphql'
import { ServerError } from './graphql/transport'
import { isPrivacyRefusal } from './privacy'
import { logIn, run } from './session'

/** What a button with `open-type="getPhoneNumber"` gives: before base library 2.21.2 no code. */
export interface Given { errMsg: string; errno?: number; code?: string; encryptedData?: string; iv?: string }

/** `errno` where the mini-program has used up the numbers that its owner has paid for. */
const QUOTA_USED_UP = 1400001

/** The user has not given permission. */
export class NumberRefused extends Error {}

/** WeChat gives this mini-program no number. */
export class NumberUnavailable extends Error {}

/** Raises `NumberRefused`, `NumberUnavailable`, and what is given where `isPrivacyRefusal` holds of it. */
export async function submitPhoneNumber(given: Given): Promise<PhoneFragment> {
  const { errMsg, errno, code, encryptedData, iv } = given
  if (code) return (await run(SubmitPhoneNumberDocument, { code })).submitPhoneNumber
  if (encryptedData && iv) return submitEncrypted(encryptedData, iv)
  if (isPrivacyRefusal(given)) throw given
  // Not by the word "privacy": what the operator left out of the guidelines no user can allow (errno 112).
  const isRefusal = errno !== QUOTA_USED_UP && /deny|cancel/.test(errMsg)
  throw isRefusal ? new NumberRefused() : new NumberUnavailable()
}

async function submitEncrypted(encryptedData: string, iv: string): Promise<PhoneFragment> {
  try {
    return (await run(SubmitEncryptedPhoneNumberDocument, { encryptedData, iv })).submitEncryptedPhoneNumber
  } catch (error) {
    // Only another tap collects it again, and the login has to come before that.
    if (error instanceof ServerError && error.extensions.action === 'COLLECT_AGAIN') await logIn()
    throw error
  }
}
