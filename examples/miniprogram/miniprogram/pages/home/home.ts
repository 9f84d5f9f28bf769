/** Shows who is signed in, and lets them tell more or leave. */

import type { UserInfoFragment } from '../../generated/graphql'
import { MeDocument } from '../../generated/graphql'
import { messageFor } from '../../messages'
import type { Permission } from '../../permission'
import { permission } from '../../permission'
import type { Collected } from '../../submission'
import { Refused, submitUserInfo } from '../../submission'
import { run, signIn, SignedOut, signOut } from '../../session'
import { getGlobalUserInfo, setGlobalUserInfo } from '../../user-info'

type GetUserInfo = WechatMiniprogram.CustomEvent<Partial<Collected> & { errMsg: string }>

const LABELS: [keyof UserInfoFragment, string][] = [
  ['id', 'Id'],
  ['gender', 'Gender'],
  ['city', 'City'],
  ['province', 'Province'],
  ['country', 'Country'],
  ['language', 'Language'],
  ['isAnonymous', 'Anonymous'],
  ['createdAt', 'Here since'],
  ['updatedAt', 'Updated'],
]

Page({
  data: {
    signedIn: false,
    busy: true,
    name: '',
    picture: '',
    fields: [] as { label: string; value: string }[],
    permission: 'unasked' as Permission,
    message: '',
  },

  onLoad() {
    this.show()
    this.attempt(async () => {
      const { me } = await run(MeDocument, {})
      if (me) setGlobalUserInfo(me)
    })
  },

  /** Comes back from the other page, or from WeChat's settings. */
  onShow() {
    this.show()
  },

  signIn() {
    this.attempt(signIn)
  },

  signOut() {
    this.attempt(async () => {
      if (!(await signOut())) wx.showToast({ title: 'Signed out on this phone only', icon: 'none' })
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

  async attempt(action: () => Promise<unknown>) {
    this.setData({ busy: true, message: '' })
    const message = await action().then(() => '', messageFor)
    const answer = await permission('scope.userInfo').catch((): Permission => 'unasked')
    this.setData({ busy: false, message, permission: answer })
    this.show()
  },

  show() {
    const info = getGlobalUserInfo()
    this.setData({
      signedIn: info !== null,
      name: info?.nickName || 'Nameless',
      picture: info?.avatarUrl || '',
      fields: info ? LABELS.map(([field, label]) => ({ label, value: `${info[field] ?? '-'}` })) : [],
    })
  },
})
