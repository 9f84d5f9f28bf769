// What WeChat does when a button with an `open-type` is tapped: it asks the owner, and gives the event and its detail.

const PRIVATE = new Set(["getUserInfo", "getPhoneNumber", "chooseAvatar"]);

/**
 * `owner` decides: `allows(scope)`, `changesSettings()`, `givesNumber()` as fields for the simulator, and
 * `choosesPicture()`, null where they cancel.
 */
export function makeButtons({ wx, wechat, owner, privacy }) {
  const acts = {
    async getUserInfo() {
      owner.authSetting["scope.userInfo"] ??= await owner.allows("scope.userInfo");
      return wx.getUserInfo({ withCredentials: true }).catch((refusal) => refusal);
    },
    async openSetting() {
      await owner.changesSettings();
      return { errMsg: "openSetting:ok", authSetting: { ...owner.authSetting } };
    },
    getPhoneNumber: async () => wechat("phone-number", await owner.givesNumber()),
    // A new temporary file each time.
    async chooseAvatar() {
      const avatarUrl = await owner.choosesPicture();
      return avatarUrl ? { avatarUrl } : { errMsg: "chooseAvatar:fail cancel" };
    },
    async agreePrivacyAuthorization() {
      privacy.agreeTapped();
      return {};
    },
  };
  return {
    /** Whether it may have to wait until the owner has agreed on another page. */
    isPrivate: (openType) => PRIVATE.has(openType),
    /** The name of the event, and its detail. */
    async tap(openType) {
      const permitted = PRIVATE.has(openType) ? privacy.permitted(openType) : Promise.resolve();
      const refusal = await permitted.then(() => undefined, (detail) => detail);
      return { event: openType.toLowerCase(), detail: refusal ?? (await acts[openType]()) };
    },
  };
}
