/** A copy of all that the server keeps of the user, and the end of it. Both need a new code: a token can be stolen. */

import type { ErrorCode } from './generated/enums'
import { DeleteMeDocument, ExportMeDocument } from './generated/graphql'
import { NoAnswer, send, ServerError } from './graphql/transport'
import { forgetSession, newCode, preventLogins, run, signIn, start } from './session'

const UNCLEAR: readonly ErrorCode[] = ['SERVICE_UNAVAILABLE', 'REQUEST_TIMEOUT', 'INTERNAL_SERVER_ERROR']

/** The user is signed out, and may be deleted or not. */
export class Unconfirmed extends Error {}

/** JSON, at most a mebibyte. */
export async function exportMe(): Promise<string> {
  const { exportMe } = await run(ExportMeDocument, { code: await newCode() })
  return exportMe.document
}

/** Deletes the user and signs out: before the request, or the next page would log in, which makes a new user. */
export async function deleteMe(): Promise<void> {
  // The server knows the token here: where it does not know it below, the token has not just expired.
  await start()
  const code = await newCode()
  const token = await preventLogins()
  const request = () => send(DeleteMeDocument, { code }, token)
  try {
    await request().catch((error) => (isUnclear(error) ? request().catch(unlessGone) : Promise.reject(error)))
  } catch (error) {
    if (!isUnclear(error)) {
      await signIn()
      throw error
    }
    forgetSession()
    throw new Unconfirmed()
  }
  forgetSession()
}

/** Whether the server may have done it all the same: without its answer, or when it gave up waiting for itself. */
function isUnclear(error: unknown): boolean {
  return error instanceof NoAnswer
    || (error instanceof ServerError && UNCLEAR.includes(error.extensions.code))
}

/** After an answer that was lost, a token that the server does not know any more means that the user is deleted. */
function unlessGone(error: unknown): void {
  if (!(error instanceof ServerError && error.extensions.code === 'UNAUTHENTICATED')) throw error
}
