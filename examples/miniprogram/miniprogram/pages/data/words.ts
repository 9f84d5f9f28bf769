/** What the page "My data" shows, in both languages. */

const zh = {
  title: '我的数据',
  busy: '请稍候',
  copyTitle: '导出',
  copyAbout: '这里保存的全部个人数据，格式为 JSON。其他应用可以读取剪贴板。',
  copy: '复制我的数据',
  eraseTitle: '注销账户',
  eraseAbout: '这里保存的全部个人数据将立即永久删除，无法恢复。请输入“注销”以确认。',
  erase: '注销账户',
  erased: '已注销',
  /** To be typed, for a tap is an accident soon. */
  word: '注销',
  typeFirst: '请先输入“注销”。',
}

const en: typeof zh = {
  title: 'My data',
  busy: 'One moment',
  copyTitle: 'A copy',
  copyAbout: 'All that is kept of you here, as JSON. Other apps can read it in the clipboard.',
  copy: 'Copy my data',
  eraseTitle: 'Deletion',
  eraseAbout: 'All that is kept of you here is deleted, at once and for good. Type DELETE to confirm.',
  erase: 'Delete me',
  erased: 'Deleted',
  word: 'DELETE',
  typeFirst: 'Type DELETE first.',
}

export const words = { zh, en }
