/** Where the user is signed in, and how they end it there. */

import type { SessionsQuery } from '../../generated/graphql'
import { RevokeOtherSessionsDocument, RevokeSessionDocument, SessionsDocument } from '../../generated/graphql'
import { pageWords } from '../../language'
import { messageFor, toastFor } from '../../messages'
import { localTime } from '../../moment'
import { run } from '../../session'
import { words } from './words'

type TapOnDevice = WechatMiniprogram.TouchEvent<object, object, { id: string; name: string }>

Page({
  data: { t: words.zh, devices: [] as ReturnType<typeof described>[], busy: true, message: '' },

  onLoad() {
    this.setData({ t: pageWords(words) })
    return this.attempt(async () => undefined, messageFor)
  },

  async onPullDownRefresh() {
    await this.attempt(async () => undefined)
    wx.stopPullDownRefresh()
  },

  onEnd({ currentTarget: { dataset } }: TapOnDevice) {
    const title = this.data.t.endOf.replace('{name}', dataset.name)
    return this.end(title, () => run(RevokeSessionDocument, { id: dataset.id }))
  },

  onEndOthers() {
    return this.end(this.data.t.endOfOthers, () => run(RevokeOtherSessionsDocument, {}))
  },

  async end(title: string, action: () => Promise<unknown>) {
    // The login is silent: a device on which WeChat stays signed in comes back with its next request.
    const { confirm } = await wx.showModal({ title, content: this.data.t.endAbout })
    if (confirm) await this.attempt(action)
  },

  async attempt(action: () => Promise<unknown>, failed = toastFor) {
    this.setData({ busy: true, message: '' })
    const message = await action().then(() => this.list()).then(() => '', failed)
    this.setData({ busy: false, message })
  },

  async list() {
    const { sessions } = await run(SessionsDocument, {})
    this.setData({ devices: sessions.map((session) => described(session, this.data.t)) })
  },
})

function described(session: SessionsQuery['sessions'][number], t: typeof words.zh) {
  const { id, isCurrent, createdAt, lastSeenAt, device } = session
  const platform = t.platforms[device.platform] ?? t.platforms.OTHER
  const weChat = device.weChatVersion ? `${t.weChat} ${device.weChatVersion}` : ''
  return {
    id,
    isCurrent,
    name: device.label ?? platform,
    system: [device.label ? platform : '', weChat].filter(Boolean).join(t.comma),
    lastSeen: isCurrent ? t.now : localTime(lastSeenAt),
    since: localTime(createdAt),
  }
}
