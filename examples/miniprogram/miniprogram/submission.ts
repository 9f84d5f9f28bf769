/** Submits what WeChat gives about the user, signed and encrypted. The order counts: log in, collect, submit. */

import { SubmitUserInfoDocument } from './generated/graphql'
import { ServerError } from './graphql/transport'
import { authorize } from './permission'
import { logIn, run } from './session'
import { setGlobalUserInfo } from './user-info'

/** What wx.getUserInfo gives, and a button with `open-type="getUserInfo"`. */
export interface Collected { rawData: string; signature: string; encryptedData: string; iv: string }

/** The user has not given permission. */
export class Refused extends Error {}

/** Data that was signed with an outdated session_key is collected once more, after a login. Raises `Refused`. */
export async function submitUserInfo(collected: Collected): Promise<void> {
  try {
    await submit(collected)
  } catch (error) {
    if (!(error instanceof ServerError && error.extensions.action === 'COLLECT_AGAIN')) throw error
    await logIn()
    if ((await authorize('scope.userInfo')) !== 'granted') throw new Refused()
    await submit(await wx.getUserInfo({ withCredentials: true, lang: 'zh_CN' }))
  }
}

async function submit({ rawData, signature, encryptedData, iv }: Collected): Promise<void> {
  // rawData as it came: the signature covers every character of it.
  const answer = await run(SubmitUserInfoDocument, { rawData, signature, encryptedData, iv })
  setGlobalUserInfo(answer.submitUserInfo)
}
