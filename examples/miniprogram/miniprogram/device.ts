/** What this device is called in the user's list of devices. */

/** The server takes no longer one; in characters. */
const LONGEST = 64

/** Brand and model, like "Xiaomi 2211133C" or "iPhone 15": sent with the login, and shown to its user alone. */
export function deviceLabel(): string {
  // Before base library 2.20.1 there is only the other one, which gives nothing where it fails.
  const { brand = '', model = '' } = wx.canIUse('getDeviceInfo') ? wx.getDeviceInfo() : wx.getSystemInfoSync()
  // An iPhone's model begins with its brand and ends with its number: "iPhone 15<iPhone15,4>".
  const name = model.replace(/<.*>$/, '')
  const label = name.startsWith(brand) ? name : `${brand} ${name}`
  return [...label].slice(0, LONGEST).join('')
}
