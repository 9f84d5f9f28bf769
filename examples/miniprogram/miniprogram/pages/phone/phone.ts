/** The user's phone number: given by a tap and verified by WeChat, and taken back here. */

import type { PhoneFragment } from '../../generated/graphql'
import { PhoneDocument, RemovePhoneNumberDocument } from '../../generated/graphql'
import { pageWords } from '../../language'
import { messageFor, toastFor } from '../../messages'
import type { Given } from '../../phone-number'
import { submitPhoneNumber } from '../../phone-number'
import { run } from '../../session'
import { getGlobalUserInfo } from '../../user-info'
import { words } from './words'

type GetPhoneNumber = WechatMiniprogram.CustomEvent<Given>

Page({
  data: { t: words.zh, signedIn: false, busy: true, masked: '', message: '' },

  /** From the server and never from storage: the user may have taken it back in WeChat's settings, or elsewhere. */
  onLoad() {
    this.setData({ t: pageWords(words) })
    return this.attempt(async () => (await run(PhoneDocument, {})).me, messageFor)
  },

  onGetPhoneNumber({ detail }: GetPhoneNumber) {
    return this.attempt(() => submitPhoneNumber(detail))
  },

  onRemove() {
    return this.attempt(async () => (await run(RemovePhoneNumberDocument, {})).removePhoneNumber)
  },

  async attempt(action: () => Promise<PhoneFragment | null>, failed = toastFor) {
    this.setData({ busy: true, message: '' })
    const show = (user: PhoneFragment | null) => this.setData({ masked: user?.phone?.masked ?? '' })
    const message = await action().then(show).then(() => '', failed)
    this.setData({ busy: false, message, signedIn: getGlobalUserInfo() !== null })
  },
})
