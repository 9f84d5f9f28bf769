/** What is kept of the user: to be copied, and to be deleted. */

import { messageFor } from '../../messages'
import { deleteMe, exportMe } from '../../my-data'
import { currentToken } from '../../session'
import { getGlobalUserInfo } from '../../user-info'

type Submit = WechatMiniprogram.CustomEvent<{ value: { word: string } }>

/** To be typed, for a tap is an accident soon. */
const WORD = 'DELETE'

Page({
  data: { signedIn: false, busy: true, word: WORD, message: '' },

  onLoad() {
    return this.attempt(currentToken)
  },

  /** WeChat shows that it is copied. */
  onExport() {
    return this.attempt(async () => wx.setClipboardData({ data: await exportMe() }))
  },

  onDelete({ detail }: Submit) {
    if (detail.value.word.trim() !== WORD) return this.setData({ message: `Type ${WORD} first.` })
    return this.attempt(async () => {
      await deleteMe()
      await wx.reLaunch({ url: '/pages/home/home' })
      await wx.showToast({ title: 'Deleted' })
    })
  },

  async attempt(action: () => Promise<unknown>) {
    this.setData({ busy: true, message: '' })
    const message = await action().then(() => '', messageFor)
    this.setData({ busy: false, message, signedIn: getGlobalUserInfo() !== null })
  },
})
