/** The privacy guidelines: WeChat withholds what they declare, until the user has agreed. Base library 2.32.3. */

type Choice = { event: 'exposureAuthorization' | 'disagree' } | { event: 'agree'; buttonId: string }
type Resolve = (choice: Choice) => void

/** WeChat's `errno` of an interface whose use the user has not agreed to. */
const NOT_AUTHORIZED = 104

/** Interfaces that wait for the user's choice; several may do so at once. */
let waiting: Resolve[] = []

/** At launch: what needs an agreement opens the page that asks for it, and goes on afterwards. */
export function askWhenNeeded(): void {
  const listener = (resolve: Resolve) => {
    resolve({ event: 'exposureAuthorization' })
    waiting.push(resolve)
    if (waiting.length > 1) return
    // Where no page opens, nothing can be agreed to: what waits must not do so for ever.
    wx.navigateTo({ url: '/pages/privacy/privacy', fail: () => void settle({ event: 'disagree' }) })
  }
  // The typings leave out what the listener is given.
  wx.onNeedPrivacyAuthorization?.(listener as never)
}

/** Whether the user has to agree, and to what. An older base library withholds nothing. */
export function privacySetting(): Promise<{ needed: boolean; contract: string }> {
  return new Promise((resolve) => {
    if (!wx.getPrivacySetting) return resolve({ needed: false, contract: '' })
    return wx.getPrivacySetting({
      success: ({ needAuthorization, privacyContractName }) => resolve({
        needed: needAuthorization, contract: privacyContractName,
      }),
      // What waits shows that there is something to agree to.
      fail: () => resolve({ needed: waiting.length > 0, contract: '' }),
    })
  })
}

/** Lets all that waits go on, or fail. False where nothing does. WeChat checks that the button was tapped. */
export function settle(choice: Choice): boolean {
  const settled = waiting
  waiting = []
  for (const resolve of settled) resolve(choice)
  return settled.length > 0
}

/** Not so where the guidelines do not declare the interface (errno 112): operators mend that, and no user can. */
export function isPrivacyRefusal(error: unknown): boolean {
  const { errno, errMsg = '' } = (error ?? {}) as { errno?: number; errMsg?: string }
  return errno === NOT_AUTHORIZED || /privacy permission/.test(errMsg)
}
