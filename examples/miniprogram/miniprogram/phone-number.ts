/** Submits the phone number that WeChat gives when the user taps its button. The order counts: log in, tap, submit. */

import type { PhoneFragment } from './generated/graphql'
import { SubmitEncryptedPhoneNumberDocument, SubmitPhoneNumberDocument } from './generated/graphql'
import { ServerError } from './graphql/transport'
import { logIn, run } from './session'

/** What a button with `open-type="getPhoneNumber"` gives: before base library 2.21.2 no code. */
export interface Given { errMsg: string; errno?: number; code?: string; encryptedData?: string; iv?: string }

/** `errno` where the mini-program has used up the numbers that its owner has paid for. */
const QUOTA_USED_UP = 1400001

/** The user has not given permission. */
export class NumberRefused extends Error {}

/** WeChat gives this mini-program no number. */
export class NumberUnavailable extends Error {}

/** Raises `NumberRefused`, `NumberUnavailable`. */
export async function submitPhoneNumber({ errMsg, errno, code, encryptedData, iv }: Given): Promise<PhoneFragment> {
  if (code) return (await run(SubmitPhoneNumberDocument, { code })).submitPhoneNumber
  if (encryptedData && iv) return submitEncrypted(encryptedData, iv)
  const isRefusal = errno !== QUOTA_USED_UP && /deny|cancel|privacy/.test(errMsg)
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
