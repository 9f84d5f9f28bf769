/** What the page "Privacy guidelines" shows, in both languages. */

const zh = {
  title: '隐私保护指引',
  heading: '我们如何使用您的信息',
  about: '在使用下列功能前，请阅读并同意隐私保护指引。',
  contract: '《小程序隐私保护指引》',
  purposes: [
    { name: '头像和昵称', about: '由您选择和填写，展示在账户中。' },
    { name: '手机号', about: '由您点击授权，用于账户联系。' },
    { name: '设备型号', about: '登录时发送，仅在您的设备列表中显示。' },
    { name: '剪贴板', about: '仅在您复制个人数据时写入。' },
  ],
  agree: '同意',
  refuse: '不同意',
  agreed: '您已同意，无需操作。',
}

const en: typeof zh = {
  title: 'Privacy guidelines',
  heading: 'What we use, and why',
  about: 'Read the guidelines and agree to them before you use the following.',
  contract: 'The privacy guidelines',
  purposes: [
    { name: 'Picture and name', about: 'You choose and type them. They are shown in your account.' },
    { name: 'Phone number', about: 'You give it by a tap. It is for reaching you.' },
    { name: 'Model of the device', about: 'Sent with each login, and shown in your list of devices alone.' },
    { name: 'Clipboard', about: 'Written only when you copy your data.' },
  ],
  agree: 'Agree',
  refuse: 'Do not agree',
  agreed: 'You have agreed. There is nothing to do.',
}

export const words = { zh, en }
