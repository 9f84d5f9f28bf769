/** The successor of getUserInfo: the user chooses a picture and types a name, and WeChat checks both. */

import { messageFor } from '../../messages'
import { currentToken } from '../../session'
import { getGlobalUserInfo, setGlobalUserInfo } from '../../user-info'

type ChooseAvatar = WechatMiniprogram.CustomEvent<{ avatarUrl: string }>
type Submit = WechatMiniprogram.CustomEvent<{ value: { nickName: string } }>

Page({
  data: { signedIn: false, nickName: '', picture: '', message: '' },

  async onLoad() {
    const message = await currentToken().then(() => '', messageFor)
    const info = getGlobalUserInfo()
    this.setData({
      message,
      signedIn: info !== null,
      nickName: info?.chosenNickName || info?.nickName || '',
      picture: info?.chosenAvatar || info?.avatarUrl || '',
    })
  },

  /** WeChat gives a temporary file. This server takes no pictures; one that did would be sent it by wx.uploadFile. */
  onChooseAvatar({ detail }: ChooseAvatar) {
    wx.getFileSystemManager().saveFile({
      tempFilePath: detail.avatarUrl,
      success: ({ savedFilePath: chosenAvatar }) => {
        setGlobalUserInfo({ chosenAvatar })
        this.setData({ picture: chosenAvatar, message: 'The picture is kept on this phone.' })
      },
      fail: () => this.setData({ message: 'This picture cannot be kept.' }),
    })
  },

  /** From the form rather than bindblur: WeChat may still be checking the name then, and empties what it refuses. */
  onSubmit({ detail }: Submit) {
    const chosenNickName = detail.value.nickName.trim()
    if (chosenNickName) setGlobalUserInfo({ chosenNickName })
    this.setData({ message: chosenNickName ? 'The name is kept on this phone.' : 'Choose another name.' })
  },
})
