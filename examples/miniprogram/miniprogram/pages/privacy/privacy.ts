/** Asks for the agreement that WeChat wants: opened by what needs it, or by the user, who may read it at any time. */

import { pageWords } from '../../language'
import { privacySetting, settle } from '../../privacy'
import { words } from './words'

Page({
  /** `needed` is null until it is known. */
  data: { t: words.zh, needed: null as boolean | null, contract: '' },

  async onLoad() {
    const t = pageWords(words)
    this.setData({ t })
    const { needed, contract } = await privacySetting()
    this.setData({ needed, contract: contract || t.contract })
  },

  /** Leaving the page is a refusal, however it is left. */
  onUnload() {
    settle({ event: 'disagree' })
  },

  onRead() {
    wx.openPrivacyContract?.({})
  },

  onAgree() {
    this.setData({ needed: false })
    if (settle({ event: 'agree', buttonId: 'agree' })) wx.navigateBack()
  },

  onRefuse() {
    wx.navigateBack()
  },
})
