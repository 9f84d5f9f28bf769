/** What is kept of the user: to be copied, and to be deleted. */

import { pageWords } from '../../language'
import { messageFor, toastFor } from '../../messages'
import { deleteMe, exportMe } from '../../my-data'
import { currentToken } from '../../session'
import { getGlobalUserInfo } from '../../user-info'
import { words } from './words'

type Submit = WechatMiniprogram.CustomEvent<{ value: { word: string } }>

Page({
  data: { t: words.zh, signedIn: false, busy: true, message: '' },

  onLoad() {
    this.setData({ t: pageWords(words) })
    return this.attempt(currentToken, messageFor)
  },

  /** WeChat shows that it is copied. */
  onExport() {
    return this.attempt(async () => wx.setClipboardData({ data: await exportMe() }))
  },

  onDelete({ detail }: Submit) {
    const { t } = this.data
    if (detail.value.word.trim() !== t.word) return this.setData({ message: t.typeFirst })
    return this.attempt(async () => {
      await deleteMe()
      await wx.reLaunch({ url: '/pages/home/home' })
      await wx.showToast({ title: t.erased })
    })
  },

  async attempt(action: () => Promise<unknown>, failed = toastFor) {
    this.setData({ busy: true, message: '' })
    const message = await action().then(() => '', failed)
    this.setData({ busy: false, message, signedIn: getGlobalUserInfo() !== null })
  },
})
