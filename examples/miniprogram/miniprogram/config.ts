/** What differs between your phone, your tests and production. */

import type { Language } from './language'

export const config = {
  /** Where wxgate is. A release needs https, and the domain in its lists of request and uploadFile domains. */
  server: 'http://127.0.0.1:8000',
  /** Names operations by their ids, for a server with WXGATE_TRUSTED_DOCUMENTS. */
  trustedDocuments: false,
  /** What the pages are in until the user switches. */
  language: 'zh' as Language,
}
