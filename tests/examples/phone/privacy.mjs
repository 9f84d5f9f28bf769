// WeChat's privacy agreement: what uses private data waits until the owner has agreed, if `state.privacy` is "needed".

export function makePrivacy(state) {
  let listener;
  return {
    /** The owner has tapped the button with `open-type="agreePrivacyAuthorization"`. */
    agreeTapped: () => { state.privacy = "agreed"; },
    /** Resolves once `name` may go on; rejects, as WeChat does, where it may not. */
    permitted: (name) => new Promise((resolve, reject) => {
      if (state.privacy !== "needed") return resolve();
      const refusal = { errMsg: `${name}:fail privacy permission is not authorized`, errno: 104 };
      if (!listener) return reject(refusal);
      return listener((choice) => {
        if (choice.event === "exposureAuthorization") return undefined;
        const hasAgreed = choice.event === "agree" && choice.buttonId === "agree" && state.privacy === "agreed";
        return hasAgreed ? resolve() : reject(refusal);
      }, { referrer: name });
    }),
    wx: {
      onNeedPrivacyAuthorization: (listening) => { listener = listening; },
      getPrivacySetting: ({ success }) => success({
        errMsg: "getPrivacySetting:ok",
        needAuthorization: state.privacy === "needed",
        privacyContractName: "《示例小程序隐私保护指引》",
      }),
      openPrivacyContract: () => void state.shown.push("contract"),
    },
  };
}
