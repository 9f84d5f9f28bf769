/** What the page "Picture and name" shows, in both languages. */

const zh = {
  title: '头像和昵称',
  busy: '请稍候',
  portrait: '头像',
  choose: '选择头像',
  change: '更换头像',
  name: '昵称',
  placeholder: '请输入昵称',
  another: '请换一个昵称。',
  save: '保存',
  saved: '已保存',
  about: '头像和昵称都会经过微信检测。',
  /** By the state of the check, which takes WeChat up to half an hour. */
  states: {
    CHECKING: '微信正在检测这张图片，下拉可查看结果。',
    SHOWN: '',
    REVIEW: '这张图片正在人工审核。',
    REFUSED: '您的图片未通过审核，已被删除，请换一张。',
  },
}

const en: typeof zh = {
  title: 'Picture and name',
  busy: 'One moment',
  portrait: 'Picture',
  choose: 'Choose a picture',
  change: 'Choose another',
  name: 'Name',
  placeholder: 'A name',
  another: 'Choose another name.',
  save: 'Save',
  saved: 'Saved',
  about: 'WeChat checks both.',
  states: {
    CHECKING: 'WeChat is checking this picture. Pull down to see what comes of it.',
    SHOWN: '',
    REVIEW: 'This picture is being looked at.',
    REFUSED: 'Your picture was refused and is gone. Choose another one.',
  },
}

export const words = { zh, en }
