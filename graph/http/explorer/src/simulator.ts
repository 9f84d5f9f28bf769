// The phone's side of the simulator that the server plays WeChat with.

import { recorded } from "./traffic";

interface Submission {
  rawData: string;
  signature: string;
  encryptedData: string;
  iv: string;
}

/** Of what the simulator knows of a user. */
interface User {
  user: string;
  nickName: string;
  purePhoneNumber: string;
}

export type Policy = "new" | "old";

/** What WeChat pushed, and how the server answered each try; a response that never came has no status. */
export interface Delivery {
  event: string;
  accepted: boolean;
  tries: { status: number | null; answer: string }[];
}

/** How WeChat fails; the number is that of the kind "errcode". */
export interface Fault {
  kind: "errcode" | "delay" | "hang" | "empty" | "html" | "bad-gateway" | "truncated" | "missing-openid" | "huge";
  errcode?: number;
}

interface Success {
  errMsg: string;
}

const at = (path: string) => new URL(`simulator${path}`, document.baseURI);

/** Where the made-up picture of this name is shown: "red" and "yellow" have a meaning to WeChat, others have none. */
export const faceOf = (name: string) => at(`/device/faces/${encodeURIComponent(name)}.png`).href;

// What goes from a phone to WeChat in real life as well, by the names that developers and users have for it.
export const titles: Record<string, string> = {
  login: "wx.login",
  "user-info": "wx.getUserInfo",
  "phone-number": "getPhoneNumber",
  "choose-avatar": "chooseAvatar",
  revoke: "revoke permission",
  modified: "change profile",
  "close-account": "close account",
};

/** Raises WeChat's `errMsg` unless it says ok. */
async function device<T>(method: "GET" | "POST" | "DELETE", path: string, body?: object): Promise<T & Success> {
  const ask = async () => {
    const response = await fetch(at(`/device/${path}`), {
      method,
      ...(body && { body: JSON.stringify(body), headers: { "Content-Type": "application/json" } }),
    });
    return { status: response.status, body: await response.json() };
  };
  const title = titles[path];
  const { body: answer } = await (title ? recorded({ to: "wechat", title, request: body }, ask) : ask());
  if (!/:ok$/.test(answer.errMsg)) throw new Error(answer.errMsg);
  return answer;
}

/** Users of the phone from the start, whether the simulator knows them yet or not. */
export const FIRST_USERS = ["Li Lei", "Han Meimei"] as const;

/** Who asks, and in which mini-program; null where the simulator plays but one. */
export interface Holder {
  user: string;
  app: string | null;
}

/** As the simulator wants them. */
export const fieldsOf = ({ user, app }: Holder) => ({ user, ...(app !== null && { app }) });

export const wechat = {
  login: (holder: Holder) => device<{ code: string }>("POST", "login", fieldsOf(holder)),
  getUserInfo: (holder: Holder, policy: Policy) =>
    device<Submission>("POST", "user-info", { ...fieldsOf(holder), policy }),
  getPhoneNumber: (holder: Holder) =>
    device<{ code: string }>("POST", "phone-number", { ...fieldsOf(holder), style: "new" }),
  /** As old base libraries give it. */
  getEncryptedPhoneNumber: (holder: Holder) =>
    device<{ encryptedData: string; iv: string }>("POST", "phone-number", { ...fieldsOf(holder), style: "old" }),
  expireSessionKey: (holder: Holder) => device("POST", "expire-session-key", fieldsOf(holder)),
  /** `info` is WeChat's number of a permission. */
  revoke: (holder: Holder, info: number) =>
    device<{ deliveries: Delivery[] }>("POST", "revoke", { ...fieldsOf(holder), info: [info] }),
  modified: (holder: Holder) => device<{ deliveries: Delivery[] }>("POST", "modified", fieldsOf(holder)),
  closeAccount: (holder: Holder) => device<{ deliveries: Delivery[] }>("POST", "close-account", fieldsOf(holder)),
  /** The temporary file, which the simulator keeps. */
  async chooseAvatar(holder: Holder, face: string): Promise<Blob> {
    const { avatarUrl } = await device<{ avatarUrl: string }>("POST", "choose-avatar", { ...fieldsOf(holder), face });
    return (await fetch(at(avatarUrl))).blob();
  },
  users: () => device<{ users: User[] }>("GET", "users"),
  apps: () => device<{ apps: { app: string }[] }>("GET", "apps"),
  faults: () => device<{ faults: unknown[] }>("GET", "faults"),
  /** Every call of the server's fails until `mend`. */
  fail: (fault: Fault) =>
    device("POST", "faults", {
      times: null,
      seconds: 2,
      // No other answer has an openid.
      ...(fault.kind === "missing-openid" && { path: "/sns/jscode2session" }),
      ...fault,
    }),
  mend: () => device("DELETE", "faults"),
};
