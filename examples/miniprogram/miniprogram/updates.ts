/** A new version of the mini-program: WeChat fetches it at launch, and the user decides when it starts. */

import { inLanguage } from './language'

const READY = {
  zh: { title: '更新提示', content: '新版本已经准备好，是否重启小程序？', confirmText: '重启', cancelText: '以后' },
  en: { title: 'Update', content: 'A new version is ready. Restart now?', confirmText: 'Restart', cancelText: 'Later' },
}
const FAILED = {
  zh: { title: '更新失败', content: '请在最近使用中删除本小程序，再搜索打开。', showCancel: false },
  en: { title: 'The update failed', content: 'Remove this mini-program and search for it again.', showCancel: false },
}

export function offerUpdates(): void {
  const manager = wx.getUpdateManager?.()
  manager?.onUpdateReady(async () => {
    const { confirm } = await wx.showModal(inLanguage(READY))
    if (confirm) manager.applyUpdate()
  })
  manager?.onUpdateFailed(() => void wx.showModal(inLanguage(FAILED)))
}
