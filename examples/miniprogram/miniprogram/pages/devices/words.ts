/** What the page "My devices" shows, in both languages. */

const zh = {
  title: '登录设备',
  busy: '请稍候',
  again: '重试',
  here: '本机',
  end: '退出',
  endOf: '让 {name} 退出登录？',
  endOthers: '退出其他所有设备',
  endOfOthers: '让其他所有设备退出登录？',
  endAbout: '立即生效。若设备丢失，请同时在该设备上退出微信。',
  lastSeen: '最近使用',
  since: '登录时间',
  now: '现在',
  alone: '没有在其他设备登录。',
  weChat: '微信',
  comma: '，',
  platforms: {
    IOS: 'iPhone 或 iPad',
    ANDROID: '安卓',
    HARMONY: '鸿蒙',
    WINDOWS: 'Windows',
    MAC: 'Mac',
    DEVTOOLS: '开发者工具',
    OTHER: '未知系统',
  },
}

const en: typeof zh = {
  title: 'My devices',
  busy: 'One moment',
  again: 'Try again',
  here: 'This device',
  end: 'Sign out',
  endOf: 'Sign out {name}?',
  endOthers: 'Sign out all others',
  endOfOthers: 'Sign out all other devices?',
  endAbout: 'This works at once. To keep a lost device out, sign out of WeChat on it too.',
  lastSeen: 'Last seen',
  since: 'Signed in',
  now: 'now',
  alone: 'You are signed in nowhere else.',
  weChat: 'WeChat',
  comma: ', ',
  platforms: {
    IOS: 'iPhone or iPad',
    ANDROID: 'Android',
    HARMONY: 'HarmonyOS',
    WINDOWS: 'Windows',
    MAC: 'Mac',
    DEVTOOLS: 'Developer tools',
    OTHER: 'Unknown system',
  },
}

export const words = { zh, en }
