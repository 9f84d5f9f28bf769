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
  people: string[];
  person: string;
  policy: Policy;
  code: string | null;
  collected: boolean;
  phoneNumber: object | null;
  isWeChatDown: boolean;
  /** What the server said to each operation, and what the last mischief did. */
  outcomes: Partial<Record<Operation | "mischief", Outcome>>;
}

const nothingDone = { code: null, collected: false, phoneNumber: null, outcomes: {} };
const tokens = new Map<string, string>();

export const usePhone = create<Phone>(() => ({
  people: ["Li Lei", "Han Meimei"],
  person: "Li Lei",
  policy: "new",
  isWeChatDown: false,
  ...nothingDone,
}));

/** Hands the phone to somebody else, with the token of their last login. */
export function handTo(person: string) {
  usePhone.setState(({ people }) => ({ person, people: [...new Set([...people, person])], ...nothingDone }));
  token.set(tokens.get(person) ?? null);
}

/** What was done with the simulator before this page was opened. */
export async function catchUp() {
  const [{ people }, { faults }] = await Promise.all([wechat.people(), wechat.faults()]);
  usePhone.setState((phone) => ({
    people: [...new Set([...phone.people, ...people.map(({ person }) => person)])],
    isWeChatDown: faults.length > 0,
  }));
}

export function report(step: Operation | "mischief", outcome: Outcome | undefined) {
  usePhone.setState(({ outcomes }) => ({ outcomes: { ...outcomes, [step]: outcome } }));
}

/** Does something that may fail before the server is asked, and says so where it was begun. */
export async function attempt(step: Operation | "mischief", action: () => Promise<unknown>) {
  try {
    await action();
  } catch (error) {
    report(step, { went: "wrong", text: error instanceof Error ? error.message : String(error) });
  }
}

onAnswer(({ operation, body }) => {
  if (operation !== "Login" && operation !== "SubmitUserInfo" && operation !== "Me") return;
  const given = body.data?.login?.token;
  if (given) tokens.set(usePhone.getState().person, given);
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
        ? `Proved and kept. But WeChat now calls everybody “${user.nickName}”.`
        : `Proved and kept: the nickname is “${user.nickName}”.`,
    ),
  Me: ({ me }) =>
    me === null
      ? { went: "wrong", text: "null: nobody is signed in. Begin with step 1." }
      : me && well(me.nickName ? `You are “${me.nickName}”.` : "You are somebody without a nickname: step 2 tells it."),
};

function failure({ errors }: Answer["body"]): Outcome | undefined {
  const [first] = errors ?? [];
  return first && { went: "wrong", text: [first.extensions?.code, first.message].filter(Boolean).join(": ") };
}
