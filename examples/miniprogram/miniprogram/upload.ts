/** A picture's way to the server: by wx.uploadFile, for GraphQL over wx.request carries no files. */

import { config } from './config'
import type { Answer } from './graphql/transport'
import { NoAnswer, ServerError } from './graphql/transport'

/** Status of a body that is too large: a proxy before the server may answer so as well, and not in JSON. */
const TOO_LARGE = 413

/** A proxy has refused the picture for its size. */
export class TooLarge extends Error {}

/** The `avatar` for `updateProfile`, good for an hour. Raises `ServerError`, `TooLarge`, `NoAnswer`. */
export function upload(filePath: string, token: string): Promise<string> {
  return new Promise((resolve, reject) => wx.uploadFile({
    url: `${config.server}/uploads/avatar`,
    filePath,
    name: 'file',
    header: { Authorization: `Bearer ${token}` },
    timeout: 30000,
    // wx.uploadFile succeeds with every status, and leaves every body as text.
    success: ({ data, statusCode }) => {
      const { avatar, errors } = parsed(data)
      if (statusCode === 201 && avatar) return resolve(avatar)
      const error = errors?.[0]
      if (error) return reject(new ServerError(error.message, error.extensions))
      return reject(statusCode === TOO_LARGE ? new TooLarge() : new NoAnswer(`HTTP ${statusCode}`))
    },
    fail: ({ errMsg }) => reject(new NoAnswer(errMsg)),
  }))
}

function parsed(body: string): { avatar?: string; errors?: Answer<never>['errors'] } {
  try {
    return JSON.parse(body) ?? {}
  } catch {
    return {}
  }
}
