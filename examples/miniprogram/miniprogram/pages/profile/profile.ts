/** The successor of getUserInfo: the user chooses a picture and types a name, and WeChat checks both. */

import type { ProfileFragment, UserInfoFragment } from '../../generated/graphql'
import { pageWords } from '../../language'
import { messageFor, toastFor } from '../../messages'
import type { Choice } from '../../own-profile'
import { readProfile, saveProfile, subjectOf } from '../../own-profile'
import { isPrivacyRefusal } from '../../privacy'
import { getGlobalUserInfo } from '../../user-info'
import { words } from './words'

type ChooseAvatar = WechatMiniprogram.CustomEvent<{ avatarUrl?: string }>
type Submit = WechatMiniprogram.CustomEvent<{ value: { nickName: string } }>

Page({
  data: {
    t: words.zh,
    signedIn: false,
    busy: true,
    nickName: '',
    picture: '',
    /** A temporary file that is not saved yet. */
    chosen: '',
    message: '',
    nameMessage: '',
    pictureMessage: '',
  },

  onLoad() {
    this.setData({ t: pageWords(words) })
    const info = getGlobalUserInfo()
    if (info) this.show(info)
    return this.attempt(readProfile, messageFor)
  },

  async onPullDownRefresh() {
    await this.attempt(readProfile)
    wx.stopPullDownRefresh()
  },

  /** Without a picture where the user cancels, or has not agreed to the privacy guidelines. */
  onChooseAvatar({ detail }: ChooseAvatar) {
    const { avatarUrl } = detail
    if (avatarUrl) this.setData({ chosen: avatarUrl, picture: avatarUrl, pictureMessage: '' })
    else if (isPrivacyRefusal(detail)) this.setData({ pictureMessage: messageFor(detail) })
  },

  /** From the form rather than bindblur: WeChat may still be checking the name then, and empties what it refuses. */
  onSubmit({ detail }: Submit) {
    const nickName = detail.value.nickName.trim()
    const { chosen, nickName: before, t } = this.data
    const isPictureAlone = chosen && !before
    if (!nickName && !isPictureAlone) return this.setData({ nameMessage: t.another })
    const choice: Choice = { ...(nickName && { nickName }), ...(chosen && { picture: chosen }) }
    return this.attempt(async () => {
      const user = await saveProfile(choice)
      this.setData({ chosen: '' })
      wx.showToast({ title: t.saved })
      return user
    })
  },

  async attempt(action: () => Promise<ProfileFragment | null>, failed = toastFor) {
    this.setData({ busy: true, message: '', nameMessage: '', pictureMessage: '' })
    await action().then((user) => user && this.show(user), (error) => {
      const place = { name: 'nameMessage', picture: 'pictureMessage', all: 'message' }[subjectOf(error)]
      this.setData({ [place]: failed(error) })
    })
    this.setData({ busy: false, signedIn: getGlobalUserInfo() !== null })
  },

  show({ nickName, isAnonymous, avatarUrl, picture }: UserInfoFragment & Partial<ProfileFragment>) {
    this.setData({
      // WeChat's placeholder is no name to begin with.
      nickName: isAnonymous ? '' : nickName ?? '',
      // The user's own picture even while others do not see it yet.
      picture: this.data.chosen || picture?.url || avatarUrl || '',
      pictureMessage: picture ? this.data.t.states[picture.state] ?? '' : '',
    })
  },
})
