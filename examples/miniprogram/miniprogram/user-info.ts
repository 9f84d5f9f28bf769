/** The user as this phone knows them: kept in storage, so that pages show them at once and without a network. */

import type { UserInfoFragment } from './generated/graphql'

const USER_INFO = 'wxgate.userInfo'

/** The server's user, and what the user chose here: the server has no operation that takes those two. */
export interface GlobalUserInfo extends UserInfoFragment {
  chosenNickName?: string
  /** Path of a file of this phone's. */
  chosenAvatar?: string
}

export function getGlobalUserInfo(): GlobalUserInfo | null {
  return wx.getStorageSync<GlobalUserInfo | ''>(USER_INFO) || null
}

/** Keeps the server's news of the user, or a choice of theirs, beside what is known of them already. */
export function setGlobalUserInfo(news: Partial<GlobalUserInfo>): void {
  wx.setStorageSync(USER_INFO, { ...getGlobalUserInfo(), ...news })
}

export function forgetUserInfo(): void {
  wx.removeStorageSync(USER_INFO)
}
