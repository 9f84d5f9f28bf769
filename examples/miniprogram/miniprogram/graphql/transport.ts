/** GraphQL over wx.request, typed by graphql-codegen and without a library: the file to copy. */

import { config } from '../config'
import type { ErrorAction, ErrorCode } from '../generated/enums'
import type { TypedDocumentString } from '../generated/graphql'

interface ErrorExtensions { code: ErrorCode; action: ErrorAction; requestId: string; retryAfterMs?: number }

export interface Answer<Data> { data?: Data; errors?: { message: string; extensions: ErrorExtensions }[] }

/** The server's answer is an error; `extensions.action` is what to do about it. */
export class ServerError extends Error {
  constructor(message: string, readonly extensions: ErrorExtensions) {
    super(message)
  }
}

/** Nothing came back that this server could have said: offline, too slow, a domain that is not allowed, a proxy. */
export class NoAnswer extends Error {}

export function send<Data, Variables>(
  document: TypedDocumentString<Data, Variables>, variables: Variables, token?: string, header?: Record<string, string>,
): Promise<Data> {
  const operation = config.trustedDocuments ? { documentId: document.__meta__?.['hash'] } : { query: `${document}` }
  return new Promise((resolve, reject) => wx.request<string | Answer<Data>>({
    url: `${config.server}/graphql`,
    method: 'POST',
    header: { 'Content-Type': 'application/json', ...(token && { Authorization: `Bearer ${token}` }), ...header },
    data: { ...operation, variables },
    timeout: 15000,
    // wx.request succeeds with every status, and leaves a body that is not JSON as text.
    success: ({ data: answer, statusCode }) => {
      if (typeof answer !== 'object') return reject(new NoAnswer(`HTTP ${statusCode}`))
      const error = answer.errors?.[0]
      if (error) return reject(new ServerError(error.message, error.extensions))
      return answer.data ? resolve(answer.data) : reject(new NoAnswer(`HTTP ${statusCode}`))
    },
    fail: ({ errMsg }) => reject(new NoAnswer(errMsg)),
  }))
}
