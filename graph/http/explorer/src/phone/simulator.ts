// The phone's side of the simulator that the server plays WeChat with.

export interface Submission {
  rawData: string;
  signature: string;
  encryptedData: string;
  iv: string;
}

export type Policy = "new" | "old";

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

export const wechat = {
  login: (user: string) => device<{ code: string }>("POST", "login", { user }),
  getUserInfo: (user: string, policy: Policy) => device<Submission>("POST", "user-info", { user, policy }),
  getPhoneNumber: (user: string) =>
    device<{ code: string; encryptedData: string; iv: string }>("POST", "phone-number", { user }),
  expireSessionKey: (user: string) => device("POST", "expire-session-key", { user }),
  users: () => device<{ users: { user: string }[] }>("GET", "users"),
  faults: () => device<{ faults: unknown[] }>("GET", "faults"),
  /** Every call of the server's fails until `comeBack`. */
  goDown: () => device("POST", "faults", { kind: "bad-gateway", times: null }),
  comeBack: () => device("DELETE", "faults"),
};
