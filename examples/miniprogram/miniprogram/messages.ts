/** What went wrong, in words for the user, in Chinese and in English. */

import type { ErrorCode } from './generated/enums'
import { NoAnswer, ServerError } from './graphql/transport'
import type { Bilingual } from './language'
import { inLanguage } from './language'
import { Unconfirmed } from './my-data'
import { NumberRefused, NumberUnavailable } from './phone-number'
import { isPrivacyRefusal } from './privacy'
import { Refused } from './submission'
import { SignedOut } from './session'
import { TooLarge } from './upload'

const AGAIN = { zh: '没有成功，请再点一次。', en: 'That did not work. Tap once more.' }
const LATER = { zh: '服务繁忙，请稍后再试。', en: 'The service is busy. Try again later.' }
const SLOW = { zh: '网络太慢，请稍后再试。', en: 'The network is too slow. Try again later.' }
const OUTDATED = {
  zh: '小程序版本过旧，请关闭后重新打开。编号：{requestId}',
  en: 'This version is outdated. Close it and open it again. Number: {requestId}',
}
const DEFECT = {
  zh: '出错了，请把这个编号告诉客服：{requestId}',
  en: 'That did not work. Report this number: {requestId}',
}
const TOO_LARGE = { zh: '图片太大，请换一张小一些的。', en: 'This picture is too large. Choose a smaller one.' }
const UNUSABLE = { zh: '这张图片无法使用，请换一张。', en: 'This picture cannot be used. Choose another one.' }

/** By code, whatever the action: `session.ts` has done that already. Operators find a request by `{requestId}`. */
export const MESSAGES: Readonly<Record<ErrorCode, Bilingual>> = {
  GRAPHQL_PARSE_FAILED: DEFECT,
  GRAPHQL_VALIDATION_FAILED: OUTDATED,
  DOCUMENT_TOO_LARGE: DEFECT,
  OPERATION_RESOLUTION_FAILURE: DEFECT,
  PERSISTED_QUERY_NOT_FOUND: OUTDATED,
  PERSISTED_QUERY_NOT_SUPPORTED: DEFECT,
  PERSISTED_QUERY_ID_REQUIRED: DEFECT,
  BAD_REQUEST: DEFECT,
  BAD_USER_INPUT: { zh: '内容不符合要求，请换一个。', en: 'That cannot be used. Choose something else.' },
  UNAUTHENTICATED: { zh: '登录已失效，请重新登录。', en: 'Your session has ended. Sign in again.' },
  FORBIDDEN: { zh: '没有权限进行此操作。', en: 'That is not allowed here.' },
  NOT_FOUND: DEFECT,
  METHOD_NOT_ALLOWED: DEFECT,
  NOT_ACCEPTABLE: DEFECT,
  PAYLOAD_TOO_LARGE: TOO_LARGE,
  REQUEST_TIMEOUT: SLOW,
  UNSUPPORTED_MEDIA_TYPE: UNUSABLE,
  APP_UNKNOWN: DEFECT,
  LOGIN_CODE_INVALID: AGAIN,
  LOGIN_CODE_USED: AGAIN,
  USER_BLOCKED: { zh: '微信暂时不允许您登录。', en: 'WeChat does not let you sign in at present.' },
  CODE_OF_ANOTHER_PERSON: {
    zh: '当前微信是另一位用户，请先退出登录。',
    en: 'Another user is signed in to WeChat. Sign out here first.',
  },
  PHONE_CODE_INVALID: AGAIN,
  PHONE_IN_USE: { zh: '该手机号已被其他用户绑定。', en: 'Another user has this phone number here.' },
  SESSION_KEY_STALE: AGAIN,
  DECRYPTION_FAILED: DEFECT,
  WATERMARK_OUT_OF_RANGE: AGAIN,
  TEXT_REFUSED: { zh: '微信不允许使用这个昵称，请换一个。', en: 'WeChat does not allow this name. Choose another one.' },
  PICTURE_UNUSABLE: UNUSABLE,
  PICTURE_REFUSED: {
    zh: '微信不允许使用这张图片，请换一张。',
    en: 'WeChat does not allow this picture. Choose another one.',
  },
  UPLOAD_NOT_FOUND: { zh: '图片已失效，请重新选择。', en: 'This picture got lost. Choose it again.' },
  RATE_LIMITED: { zh: '操作太频繁，请稍后再试。', en: 'That was too often. Try again later.' },
  NOT_ENABLED: { zh: '此功能暂未开放。', en: 'That is not offered here.' },
  WECHAT_UNAVAILABLE: { zh: '微信暂时没有响应，请稍后再试。', en: 'WeChat does not answer at present. Try again later.' },
  WECHAT_MISCONFIGURED: DEFECT,
  SERVICE_UNAVAILABLE: LATER,
  INTERNAL_SERVER_ERROR: DEFECT,
}

/** What the server has no code for, since it happened on the phone or on the way. */
const ON_THE_PHONE: [new (...args: never[]) => Error, Bilingual][] = [
  [SignedOut, { zh: '您已退出登录。', en: 'You are signed out.' }],
  [Refused, { zh: '未获得授权，无法得知您的昵称。', en: 'Without your permission your name stays unknown here.' }],
  [NumberRefused, {
    zh: '未获得授权，无法得知您的手机号。',
    en: 'Without your permission your phone number stays unknown here.',
  }],
  [NumberUnavailable, { zh: '微信暂时无法提供手机号。', en: 'WeChat does not give phone numbers here at present.' }],
  [Unconfirmed, {
    zh: '没有收到答复。请登录后查看是否还有数据，并再次注销。',
    en: 'No answer came. Sign in to see what is left, and delete it again.',
  }],
  [TooLarge, TOO_LARGE],
  [NoAnswer, { zh: '网络不可用，当前显示的是之前的内容。', en: 'No connection. What you see was known before.' }],
]
const PRIVACY = { zh: '您尚未同意隐私保护指引。', en: 'You have not agreed to the privacy guidelines.' }
const OTHERWISE = { zh: '没有成功，请重试。', en: 'That did not work. Try again.' }

export function messageFor(error: unknown): string {
  if (error instanceof ServerError) {
    const { code, requestId } = error.extensions
    // A later server may have another code.
    return inLanguage(MESSAGES[code] ?? DEFECT).replace('{requestId}', requestId)
  }
  if (isPrivacyRefusal(error)) return inLanguage(PRIVACY)
  return inLanguage(ON_THE_PHONE.find(([kind]) => error instanceof kind)?.[1] ?? OTHERWISE)
}

/** The message, and a toast with it: for what the user has just done and is waiting for. */
export function toastFor(error: unknown): string {
  const title = messageFor(error)
  if (!(error instanceof SignedOut)) wx.showToast({ title, icon: 'none', duration: 3000 })
  return title
}
