/** The successor of getUserInfo: the user types a name and chooses a picture, and WeChat checks both. */

import type { PictureState } from '../../generated/enums'
import type { ProfileFragment, UserInfoFragment } from '../../generated/graphql'
import { messageFor } from '../../messages'
import type { Choice } from '../../own-profile'
import { readProfile, saveProfile, subjectOf } from '../../own-profile'
import { getGlobalUserInfo } from '../../user-info'

type ChooseAvatar = WechatMiniprogram.CustomEvent<{ avatarUrl: string }>
type Submit = WechatMiniprogram.CustomEvent<{ value: { nickName: string } }>

/** By the state of the check, which takes WeChat up to half an hour. */
const STATES: Record<PictureState, string> = {
  CHECKING: 'WeChat is checking this picture. Pull down to see what comes of it.',
  SHOWN: '',
  REVIEW: 'This picture is being looked at.',
  REFUSED: 'Your picture was refused and is gone. Choose another one.',
}

Page({
  data: {
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
    const info = getGlobalUserInfo()
    if (info) this.show(info)
    return this.attempt(readProfile)
  },

  async onPullDownRefresh() {
    await this.attempt(readProfile)
    wx.stopPullDownRefresh()
  },

  onChooseAvatar({ detail }: ChooseAvatar) {
    this.setData({ chosen: detail.avatarUrl, picture: detail.avatarUrl, pictureMessage: '' })
  },

  /** From the form rather than bindblur: WeChat may still be checking the name then, and empties what it refuses. */
  onSubmit({ detail }: Submit) {
    const nickName = detail.value.nickName.trim()
    const { chosen, nickName: before } = this.data
    const isPictureAlone = chosen && !before
    if (!nickName && !isPictureAlone) return this.setData({ nameMessage: 'Choose another name.' })
    const choice: Choice = { ...(nickName && { nickName }), ...(chosen && { picture: chosen }) }
    return this.attempt(async () => {
      const user = await saveProfile(choice)
      this.setData({ chosen: '' })
      return user
    })
  },

  async attempt(action: () => Promise<ProfileFragment | null>) {
    this.setData({ busy: true, message: '', nameMessage: '', pictureMessage: '' })
    await action().then((user) => user && this.show(user), (error) => this.showError(error))
    this.setData({ busy: false, signedIn: getGlobalUserInfo() !== null })
  },

  show({ nickName, isAnonymous, avatarUrl, picture }: UserInfoFragment & Partial<ProfileFragment>) {
    this.setData({
      // WeChat's placeholder is no name to begin with.
      nickName: isAnonymous ? '' : nickName ?? '',
      // The user's own picture even while others do not see it yet.
      picture: this.data.chosen || picture?.url || avatarUrl || '',
      pictureMessage: picture ? STATES[picture.state] ?? '' : '',
    })
  },

  showError(error: unknown) {
    const place = { name: 'nameMessage', picture: 'pictureMessage', all: 'message' }[subjectOf(error)]
    this.setData({ [place]: messageFor(error) })
  },
})
