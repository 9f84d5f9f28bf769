/** What the page "My phone number" shows, in both languages. */

const zh = {
  title: '手机号',
  busy: '请稍候',
  about: '用于账户联系，可随时删除。',
  none: '未绑定手机号',
  current: '已绑定',
  remove: '删除手机号',
  give: '使用微信手机号',
  other: '更换手机号',
}

const en: typeof zh = {
  title: 'My phone number',
  busy: 'One moment',
  about: 'For reaching you. You may remove it at any time.',
  none: 'No number yet',
  current: 'Your number',
  remove: 'Remove my number',
  give: 'Use my phone number',
  other: 'Use another number',
}

export const words = { zh, en }
