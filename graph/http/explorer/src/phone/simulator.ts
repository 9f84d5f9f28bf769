// The phone's side of the simulator that the server plays WeChat with.

export interface Submission {
  rawData: string;
  signature: string;
  encryptedData: string;
  iv: string;
}

export type Policy = "new" | "old";

/** What WeChat pushed, and how the server answered each try; a response that never came has no status. */
export interface Delivery {
  event: string;
  accepted: boolean;
  tries: { status: number | null; answer: string }[];
}

/** A picture on the phone, at an address of this page's own origin. */
export interface Face {
  name: string;
  address: string;
}

interface Success {
  errMsg: string;
}

/** Raises WeChat's `errMsg` unless it says ok. */
async function device<T>(method: "GET" | "POST" | "DELETE", path: string, body?: object): Promise<T & Success> {
  const response = await fetch(new URL(`simulator/device/${path}`, document.baseURI), {
    method,
    ...(body && { body: JSON.stringify(body), headers: { "Content-Type": "application/json" } }),
  });
  const answer = await response.json();
  if (!/:ok$/.test(answer.errMsg)) throw new Error(answer.errMsg);
  return answer;
}

/** Who asks, and in which mini-program; null where the simulator plays but one. */
export interface Holder {
  user: string;
  app: string | null;
}

const fields = ({ user, app }: Holder) => ({ user, ...(app !== null && { app }) });

export const wechat = {
  login: (holder: Holder) => device<{ code: string }>("POST", "login", fields(holder)),
  getUserInfo: (holder: Holder, policy: Policy) =>
    device<Submission>("POST", "user-info", { ...fields(holder), policy }),
  getPhoneNumber: (holder: Holder) =>
    device<{ code: string }>("POST", "phone-number", { ...fields(holder), style: "new" }),
  /** As old base libraries give it. */
  getEncryptedPhoneNumber: (holder: Holder) =>
    device<{ encryptedData: string; iv: string }>("POST", "phone-number", { ...fields(holder), style: "old" }),
  expireSessionKey: (holder: Holder) => device("POST", "expire-session-key", fields(holder)),
  /** `info` is WeChat's number of a permission. */
  revoke: (holder: Holder, info: number) =>
    device<{ deliveries: Delivery[] }>("POST", "revoke", { ...fields(holder), info: [info] }),
  modified: (holder: Holder) => device<{ deliveries: Delivery[] }>("POST", "modified", fields(holder)),
  closeAccount: (holder: Holder) => device<{ deliveries: Delivery[] }>("POST", "close-account", fields(holder)),
  faces: () => device<{ faces: Face[] }>("GET", "faces").then(({ faces }) => faces),
  users: () => device<{ users: { user: string }[] }>("GET", "users"),
  apps: () => device<{ apps: { app: string }[] }>("GET", "apps"),
  faults: () => device<{ faults: unknown[] }>("GET", "faults"),
  /** Every call of the server's fails until `comeBack`. */
  goDown: () => device("POST", "faults", { kind: "bad-gateway", times: null }),
  comeBack: () => device("DELETE", "faults"),
};
