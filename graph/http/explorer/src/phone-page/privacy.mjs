// WeChat's privacy agreement: what uses private data waits until the owner has agreed, if `owner.privacy` is "needed".

export function makePrivacy(owner, readContract) {
  let listener;
  return {
    /** The owner has tapped the button with `open-type="agreePrivacyAuthorization"`. */
    agreeTapped: () => { owner.privacy = "agreed"; },
    /** Resolves once `name` may go on; rejects, as WeChat does, where it may not. */
    permitted: (name) => new Promise((resolve, reject) => {
      if (owner.privacy !== "needed") return resolve(undefined);
      const refusal = { errMsg: `${name}:fail privacy permission is not authorized`, errno: 104 };
      if (!listener) return reject(refusal);
      return listener((choice) => {
        if (choice.event === "exposureAuthorization") return undefined;
        const hasAgreed = choice.event === "agree" && choice.buttonId === "agree" && owner.privacy === "agreed";
        return hasAgreed ? resolve(undefined) : reject(refusal);
      }, { referrer: name });
    }),
    wx: {
      onNeedPrivacyAuthorization: (listening) => { listener = listening; },
      getPrivacySetting: ({ success }) => success({
        errMsg: "getPrivacySetting:ok",
        needAuthorization: owner.privacy === "needed",
        privacyContractName: "《示例小程序隐私保护指引》",
      }),
      openPrivacyContract: () => readContract(),
    },
  };
}
