// Whose phone it is: what is kept on it for them, and what they answer when WeChat asks.

import { fieldsOf, FIRST_USERS, wechat } from "../simulator";
import { temporaryFile } from "./files";
import { ask } from "./sheets";

interface Kept {
  /** The mini-program's storage. */
  storage: Record<string, unknown>;
  authSetting: Record<string, boolean>;
  privacy: "needed" | "agreed";
}

const address = new URLSearchParams(location.search);
/** By the address, so that another user is a cold start. */
export const user = address.get("user")?.slice(0, 64) || FIRST_USERS[0];
/** The mini-program's AppID, by the address as well; null for the first that the simulator plays. */
export const app = address.get("app");
/** As the simulator wants it. */
export const holder = fieldsOf({ user, app });

const KEY = ["wxgate:phone", user, ...(app === null ? [] : [app])].join(":");
const kept: Kept = {
  storage: {},
  authSetting: {},
  privacy: "needed",
  ...JSON.parse(localStorage.getItem(KEY) ?? "{}"),
};
const keep = () => localStorage.setItem(KEY, JSON.stringify(kept));

/** As when the user deletes the mini-program from the phone. */
export const forget = () => localStorage.removeItem(KEY);

export const storage = {
  get: () => kept.storage,
  set(content: Record<string, unknown>) {
    kept.storage = content;
    keep();
  },
};

const authSetting = new Proxy(kept.authSetting, {
  set(settings, scope: string, granted: boolean) {
    settings[scope] = granted;
    keep();
    return true;
  },
});

/** As `makeWx` and `makeButtons` want it. */
export const owner = {
  policy: "new",
  hardware: { brand: "wxgate", model: "simulated phone" },
  authSetting,
  get privacy() {
    return kept.privacy;
  },
  set privacy(state) {
    kept.privacy = state;
    keep();
  },
  allows: (_scope: string) => ask({ kind: "profile" }).then(Boolean),
  async changesSettings() {
    const granted = await ask({ kind: "settings", granted: authSetting["scope.userInfo"] === true });
    if (typeof granted === "boolean") authSetting["scope.userInfo"] = granted;
  },
  async givesNumber() {
    const { users } = await wechat.users();
    const number = users.find((one) => one.user === user)?.purePhoneNumber ?? "";
    return { deny: !(await ask({ kind: "number", number })) };
  },
  /** The path of a temporary file, or null. */
  async choosesPicture(): Promise<string | null> {
    const chosen = await ask({ kind: "avatar", user });
    if (!chosen || chosen === true) return null;
    if (chosen instanceof File) return temporaryFile(chosen);
    return temporaryFile(await wechat.chooseAvatar({ user, app }, chosen));
  },
};
