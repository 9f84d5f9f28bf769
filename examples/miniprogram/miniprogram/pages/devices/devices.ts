/** Where the user is signed in, and how they end it there. */

import type { Platform } from '../../generated/enums'
import type { SessionsQuery } from '../../generated/graphql'
import { RevokeOtherSessionsDocument, RevokeSessionDocument, SessionsDocument } from '../../generated/graphql'
import { messageFor } from '../../messages'
import { run } from '../../session'

type TapOnDevice = WechatMiniprogram.TouchEvent<object, object, { id: string; name: string }>

const PLATFORMS: Record<Platform, string> = {
  IOS: 'iPhone or iPad',
  ANDROID: 'Android',
  HARMONY: 'HarmonyOS',
  WINDOWS: 'Windows',
  MAC: 'Mac',
  DEVTOOLS: 'Developer tools',
  OTHER: 'Unknown system',
}

Page({
  data: { devices: [] as ReturnType<typeof described>[], busy: true, message: '' },

  onLoad() {
    return this.attempt(async () => undefined)
  },

  async onPullDownRefresh() {
    await this.onLoad()
    wx.stopPullDownRefresh()
  },

  onEnd({ currentTarget: { dataset } }: TapOnDevice) {
    return this.end(`Sign out ${dataset.name}?`, () => run(RevokeSessionDocument, { id: dataset.id }))
  },

  onEndOthers() {
    return this.end('Sign out all other devices?', () => run(RevokeOtherSessionsDocument, {}))
  },

  async end(title: string, action: () => Promise<unknown>) {
    // The login is silent: a device on which WeChat stays signed in comes back with its next request.
    const content = 'This works at once. To keep a lost device out, sign out of WeChat on it too.'
    const { confirm } = await wx.showModal({ title, content })
    if (confirm) await this.attempt(action)
  },

  async attempt(action: () => Promise<unknown>) {
    this.setData({ busy: true, message: '' })
    const message = await action().then(() => this.list()).then(() => '', messageFor)
    this.setData({ busy: false, message })
  },

  async list() {
    const { sessions } = await run(SessionsDocument, {})
    this.setData({ devices: sessions.map(described) })
  },
})

function described({ id, isCurrent, createdAt, lastSeenAt, device }: SessionsQuery['sessions'][number]) {
  const platform = PLATFORMS[device.platform] ?? PLATFORMS.OTHER
  const weChat = device.weChatVersion ? `WeChat ${device.weChatVersion}` : ''
  return {
    id,
    isCurrent,
    name: device.label ?? platform,
    system: [device.label ? platform : '', weChat].filter(Boolean).join(', '),
    lastSeen: isCurrent ? 'now' : local(lastSeenAt),
    since: local(createdAt),
  }
}

/** By hand: not every phone has what toLocaleString needs. */
function local(moment: string): string {
  const at = new Date(moment)
  const two = (part: number) => `${part}`.padStart(2, '0')
  const day = [at.getFullYear(), two(at.getMonth() + 1), two(at.getDate())].join('-')
  return `${day} ${two(at.getHours())}:${two(at.getMinutes())}`
}
