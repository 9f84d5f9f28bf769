/** The permissions that the user gives the mini-program. */

export type Permission = 'granted' | 'refused' | 'unasked'

/** The user's choice so far. WeChat remembers it, and a refused scope is given back only in the settings. */
export async function permission(scope: 'scope.userInfo'): Promise<Permission> {
  const { authSetting } = await wx.getSetting()
  const answer = authSetting[scope]
  return answer === undefined ? 'unasked' : answer ? 'granted' : 'refused'
}

/** The answer after asking, if it was not asked for yet. */
export async function authorize(scope: 'scope.userInfo'): Promise<Permission> {
  const answer = await permission(scope)
  return answer === 'unasked' ? wx.authorize({ scope }).then(() => 'granted', () => 'refused') : answer
}
