/** Shows who is signed in, and leads to what they can do. */

import type { UserInfoFragment } from '../../generated/graphql'
import { MeDocument } from '../../generated/graphql'
import { inLanguage, language, pageWords, speak } from '../../language'
import { messageFor, toastFor } from '../../messages'
import { localTime } from '../../moment'
import type { Permission } from '../../permission'
import { permission } from '../../permission'
import type { Collected } from '../../submission'
import { Refused, submitUserInfo } from '../../submission'
import { run, signIn, SignedOut, signOut } from '../../session'
import { getGlobalUserInfo, setGlobalUserInfo } from '../../user-info'
import { words } from './words'

type GetUserInfo = WechatMiniprogram.CustomEvent<Partial<Collected> & { errMsg: string }>
type Words = typeof words.zh

Page({
  data: {
    t: words.zh,
    signedIn: false,
    busy: true,
    anonymous: true,
    name: '',
    picture: '',
    fields: [] as { label: string; value: string }[],
    permission: 'unasked' as Permission,
    message: '',
  },

  onLoad() {
    this.attempt(async () => {
      const { me } = await run(MeDocument, {})
      if (me) setGlobalUserInfo(me)
    }, messageFor)
  },

  /** Comes back from another page, or from WeChat's settings. */
  onShow() {
    this.show(pageWords(words))
  },

  signIn() {
    this.attempt(signIn)
  },

  signOut() {
    this.attempt(async () => {
      if (!(await signOut())) wx.showToast({ title: this.data.t.signedOutHere, icon: 'none' })
      throw new SignedOut()
    })
  },

  /** The button shows once the login is done: what is collected before it cannot be verified. */
  onGetUserInfo({ detail }: GetUserInfo) {
    this.attempt(async () => {
      const { rawData, signature, encryptedData, iv } = detail
      if (!rawData || !signature || !encryptedData || !iv) throw new Refused()
      await submitUserInfo({ rawData, signature, encryptedData, iv })
    })
  },

  onOpenSetting() {
    this.attempt(async () => undefined)
  },

  onLanguage() {
    speak(language() === 'zh' ? 'en' : 'zh')
    this.setData({ message: '' })
    this.show(pageWords(words))
  },

  async attempt(action: () => Promise<unknown>, failed = toastFor) {
    this.setData({ busy: true, message: '' })
    const message = await action().then(() => '', failed)
    const answer = await permission('scope.userInfo').catch((): Permission => 'unasked')
    this.setData({ busy: false, message, permission: answer })
    this.show()
  },

  /** Another page may be in view by now, and keeps its title. */
  show(t: Words = inLanguage(words)) {
    const info = getGlobalUserInfo()
    this.setData({
      t,
      signedIn: info !== null,
      anonymous: info?.isAnonymous ?? true,
      name: info?.nickName || t.nameless,
      picture: info?.avatarUrl || '',
      fields: info ? described(info, t) : [],
    })
  },
})

function described(info: UserInfoFragment, t: Words) {
  const values = {
    id: info.id,
    gender: t.genders[info.gender],
    city: info.city,
    province: info.province,
    country: info.country,
    language: info.language,
    isAnonymous: info.isAnonymous ? t.yes : t.no,
    createdAt: localTime(info.createdAt),
    updatedAt: localTime(info.updatedAt),
  }
  const fields = Object.keys(values) as (keyof typeof values)[]
  return fields.map((field) => ({ label: t.labels[field], value: values[field] || t.none }))
}
