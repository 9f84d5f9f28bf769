// What the phone remembers while the page is open, whether its panel is shown or not.

import { create } from "zustand";
import { type Answer, onAnswer } from "../endpoint";
import type { Operation } from "../opening";
import { token } from "../token";
import { type Policy, wechat } from "./simulator";

export interface Outcome {
  went: "well" | "wrong";
  text: string;
}

interface Phone {
  users: string[];
  user: string;
  policy: Policy;
  code: string | null;
  collected: boolean;
  phoneNumber: object | null;
  isWeChatDown: boolean;
  /** The outcome of each operation, and of the last fault. */
  outcomes: Partial<Record<Operation | "faults", Outcome>>;
}

const nothingDone = { code: null, collected: false, phoneNumber: null, outcomes: {} };
const tokens = new Map<string, string>();

export const usePhone = create<Phone>(() => ({
  users: ["Li Lei", "Han Meimei"],
  user: "Li Lei",
  policy: "new",
  isWeChatDown: false,
  ...nothingDone,
}));

/** Gives the phone to another user, with the token of the last login. */
export function handTo(user: string) {
  usePhone.setState(({ users }) => ({ user, users: [...new Set([...users, user])], ...nothingDone }));
  token.set(tokens.get(user) ?? null);
}

/** What was done with the simulator before this page was opened. */
export async function catchUp() {
  const [{ users }, { faults }] = await Promise.all([wechat.users(), wechat.faults()]);
  usePhone.setState((phone) => ({
    users: [...new Set([...phone.users, ...users.map(({ user }) => user)])],
    isWeChatDown: faults.length > 0,
  }));
}

export function report(step: Operation | "faults", outcome: Outcome | undefined) {
  usePhone.setState(({ outcomes }) => ({ outcomes: { ...outcomes, [step]: outcome } }));
}

/** Does something that may fail before the server is asked, and reports an error at that step. */
export async function attempt(step: Operation | "faults", action: () => Promise<unknown>) {
  try {
    await action();
  } catch (error) {
    report(step, { went: "wrong", text: error instanceof Error ? error.message : String(error) });
  }
}

onAnswer(({ operation, body }) => {
  if (operation !== "Login" && operation !== "SubmitUserInfo" && operation !== "Me") return;
  const given = body.data?.login?.token;
  if (given) tokens.set(usePhone.getState().user, given);
  report(operation, failure(body) ?? success[operation](body.data ?? {}));
});

const well = (text: string): Outcome => ({ went: "well", text });
const success: Record<Operation, (data: any) => Outcome | undefined> = {
  Login: ({ login }) =>
    login && well(`Signed in ${login.isNewUser ? "for the first time" : "again"}. The token is in Headers from now on.`),
  SubmitUserInfo: ({ submitUserInfo: user }) =>
    user &&
    well(
      user.isAnonymous
        ? `Proved and kept. But WeChat now calls every user “${user.nickName}”.`
        : `Proved and kept: the nickname is “${user.nickName}”.`,
    ),
  Me: ({ me }) =>
    me === null
      ? { went: "wrong", text: "null: no user is signed in. Begin with step 1." }
      : me && well(me.nickName ? `You are “${me.nickName}”.` : "You have no nickname yet: step 2 submits it."),
};

function failure({ errors }: Answer["body"]): Outcome | undefined {
  const [first] = errors ?? [];
  return first && { went: "wrong", text: [first.extensions?.code, first.message].filter(Boolean).join(": ") };
}
