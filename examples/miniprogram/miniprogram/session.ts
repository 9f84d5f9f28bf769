/** Who is signed in on this phone, and what to do when the server knows no user. */

import { deviceLabel } from './device'
import type { TypedDocumentString } from './generated/graphql'
import { CheckSessionDocument, LoginDocument, LogoutDocument } from './generated/graphql'
import { NoAnswer, send, ServerError } from './graphql/transport'
import { forgetUserInfo, setGlobalUserInfo } from './user-info'

const TOKEN = 'wxgate.token'
const SIGNED_OUT = 'wxgate.signedOut'

const ATTEMPTS = 4
/** Milliseconds. Beyond this, the user may try again. */
const LONGEST_PAUSE = 5000

/** The user has signed out: no login until they sign in. */
export class SignedOut extends Error {}

let loggingIn: Promise<string> | undefined

/** At launch: there is a token afterwards, and a session_key that lives where WeChat knows. Raises `SignedOut`. */
export async function start(): Promise<void> {
  const token = storedToken()
  if (!token) await logIn()
  else if (!(await isUsable(token))) await replace(token)
}

/** The stored token, or a new login's. Raises `SignedOut`. */
export async function currentToken(): Promise<string> {
  return storedToken() ?? logIn()
}

/** Logs in with a new code. However many ask at once, WeChat and the server are asked once. Raises `SignedOut`. */
export function logIn(): Promise<string> {
  loggingIn ??= obeying(exchangeCode, async () => undefined).finally(() => {
    loggingIn = undefined
  })
  return loggingIn
}

/** Runs an operation as the signed-in user, and does what errors ask for: to wait, or to log in and repeat. */
export function run<Data, Variables>(
  document: TypedDocumentString<Data, Variables>, variables: Variables,
): Promise<Data> {
  return asUser((token) => send(document, variables, token))
}

/** As `run`, for any request that takes a token and raises `ServerError`. */
export async function asUser<Result>(request: (token: string) => Promise<Result>): Promise<Result> {
  let token = await currentToken()
  return obeying(
    () => request(token),
    async () => { token = await replace(token) },
  )
}

/** Removes the token and the user, and ends the session on the server. False when that could not be reached. */
export async function signOut(): Promise<boolean> {
  const token = await preventLogins()
  forgetSession()
  return !token || obeying(() => send(LogoutDocument, {}, token), async () => undefined).then(() => true, () => false)
}

/** Signs a user in who had signed out. */
export function signIn(): Promise<string> {
  wx.removeStorageSync(SIGNED_OUT)
  return currentToken()
}

/** From here on no page logs in, until `signIn`. The token, for what ends its session on the server. */
export async function preventLogins(): Promise<string | undefined> {
  wx.setStorageSync(SIGNED_OUT, true)
  await loggingIn?.catch(() => undefined)
  return storedToken()
}

/** The phone's part of signing out. */
export function forgetSession(): void {
  wx.removeStorageSync(TOKEN)
  forgetUserInfo()
}

/** A new code, which shows the server who holds the phone. It works once, for five minutes. */
export async function newCode(): Promise<string> {
  const { code } = await wx.login().catch(({ errMsg }) => Promise.reject(new NoAnswer(errMsg)))
  return code
}

async function exchangeCode(): Promise<string> {
  if (wx.getStorageSync(SIGNED_OUT)) throw new SignedOut()
  const code = await newCode()
  // With the token that the new one supersedes, if there is one: the server then lets it end.
  const header = { 'X-Wxgate-Device': encodeURIComponent(deviceLabel()) }
  const { login } = await send(LoginDocument, { code }, storedToken(), header)
  wx.setStorageSync(TOKEN, login.token)
  setGlobalUserInfo(login.user)
  return login.token
}

/** Another token than this one, which the server does not know: perhaps another caller has already fetched it. */
async function replace(token: string): Promise<string> {
  const stored = storedToken()
  return stored && stored !== token ? stored : logIn()
}

async function obeying<Result>(operation: () => Promise<Result>, logInAgain: () => Promise<void>): Promise<Result> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await operation()
    } catch (error) {
      if (!(error instanceof ServerError) || attempt === ATTEMPTS) throw error
      const { action, retryAfterMs } = error.extensions
      switch (action) {
        case 'LOG_IN':
          await pause(retryAfterMs ?? 0, error)
          await logInAgain()
          break
        case 'WAIT':
          await pause(retryAfterMs ?? 1000, error)
          break
        case 'COLLECT_AGAIN': // `submitUserInfo` can do that.
        case 'ASK_AGAIN': // The page can, on which the user did it.
        case 'FIX_REQUEST': // A developer can.
        case 'GIVE_UP':
          throw error
        default: // An action that a later server has.
          action satisfies never
          throw error
      }
    }
  }
}

function pause(ms: number, error: ServerError): Promise<void> {
  return ms > LONGEST_PAUSE ? Promise.reject(error) : new Promise((resolve) => setTimeout(resolve, ms))
}

function storedToken(): string | undefined {
  return wx.getStorageSync<string>(TOKEN) || undefined
}

/** False when a login helps. wx.checkSession knows only the newest code's key, whether or not the server got it. */
function isUsable(token: string): Promise<boolean> {
  return send(CheckSessionDocument, {}, token).then(
    ({ checkSession }) => checkSession,
    // Without an answer of WeChat's the key may well live; if it does not, `submitUserInfo` will find out.
    (error) => !(error instanceof ServerError && error.extensions.action === 'LOG_IN'),
  )
}
