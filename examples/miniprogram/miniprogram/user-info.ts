/** The user as this phone knows them: kept in storage, so that pages show them at once and without a network. */

import type { UserInfoFragment } from './generated/graphql'

const USER_INFO = 'wxgate.userInfo'

export function getGlobalUserInfo(): UserInfoFragment | null {
  return wx.getStorageSync<UserInfoFragment | ''>(USER_INFO) || null
}

/** Keeps the user as the server has just answered them. */
export function setGlobalUserInfo(user: UserInfoFragment): void {
  wx.setStorageSync(USER_INFO, user)
}

export function forgetUserInfo(): void {
  wx.removeStorageSync(USER_INFO)
}
