// What the phone remembers while the page is open, whether its panel is shown or not.

import { create } from "zustand";
import type { Operation } from "../documents";
import { type Body, onAnswer } from "../endpoint";
import { authorization, miniProgram } from "../headers";
import { type Holder, type Policy, wechat } from "./simulator";

export interface Outcome {
  went: "well" | "wrong";
  text: string;
}

/** Where an outcome is shown. */
type Place = "Login" | "SubmitUserInfo" | "Me" | "devices" | "faults";

interface Phone extends Holder {
  users: string[];
  apps: string[];
  policy: Policy;
  code: string | null;
  collected: boolean;
  phoneNumber: object | null;
  isWeChatDown: boolean;
  /** Of the last operation or fault there. */
  outcomes: Partial<Record<Place, Outcome>>;
}

const nothingDone = { code: null, collected: false, phoneNumber: null, outcomes: {} };
// Each mini-program keeps a token of its own on each user's phone.
const tokens = new Map<string, string | null>();

export const usePhone = create<Phone>(() => ({
  users: ["Li Lei", "Han Meimei"],
  user: "Li Lei",
  apps: [],
  app: null,
  policy: "new",
  isWeChatDown: false,
  ...nothingDone,
}));

/** Gives the phone to another user, or opens another mini-program, with the token that is kept there. */
export function turnTo(changed: Partial<Holder>) {
  usePhone.setState((phone) => {
    const { user, app } = { ...phone, ...changed };
    return { user, app, users: [...new Set([...phone.users, user])], ...nothingDone };
  });
  miniProgram.set(usePhone.getState().app);
  authorization.set(tokens.get(keptFor()) ?? null);
}

function keptFor(): string {
  const { user, app } = usePhone.getState();
  return JSON.stringify([app, user]);
}

authorization.subscribe(() => {
  const held = authorization.get();
  tokens.set(keptFor(), held);
  // These speak of the token before.
  for (const place of held ? (["devices"] as const) : (["Login", "Me"] as const)) report(place, undefined);
});

/** What was done with the simulator before this page was opened. */
export async function catchUp() {
  const [{ users }, { apps }, { faults }] = await Promise.all([wechat.users(), wechat.apps(), wechat.faults()]);
  usePhone.setState((phone) => ({
    users: [...new Set([...phone.users, ...users.map(({ user }) => user)])],
    apps: apps.map(({ app }) => app),
    app: phone.app ?? (apps.length > 1 ? apps[0]!.app : null),
    isWeChatDown: faults.length > 0,
  }));
  miniProgram.set(usePhone.getState().app);
}

export function report(place: Place, outcome: Outcome | undefined) {
  usePhone.setState(({ outcomes }) => ({ outcomes: { ...outcomes, [place]: outcome } }));
}

/** Does something that may fail before the server is asked, and reports an error at that place. */
export async function attempt(place: Place, action: () => Promise<unknown>) {
  try {
    await action();
  } catch (error) {
    report(place, { went: "wrong", text: error instanceof Error ? error.message : String(error) });
  }
}

onAnswer(({ operation, body }) => {
  if (!isKnown(operation)) return;
  const [place, success] = results[operation];
  report(place, failure(body) ?? success(body.data ?? {}));
});

const well = (text: string): Outcome => ({ went: "well", text });
const results: Record<Exclude<Operation, "Sessions">, [Place, (data: any) => Outcome | undefined]> = {
  Login: [
    "Login",
    ({ login }) =>
      login &&
      well(`Signed in ${login.isNewUser ? "for the first time" : "again"}. The token is in Headers from now on.`),
  ],
  SubmitUserInfo: [
    "SubmitUserInfo",
    ({ submitUserInfo: user }) =>
      user &&
      well(
        user.isAnonymous
          ? `Proved and kept. But WeChat now calls every user “${user.nickName}”.`
          : `Proved and kept: the nickname is “${user.nickName}”.`,
      ),
  ],
  Me: [
    "Me",
    ({ me }) =>
      me === null
        ? { went: "wrong", text: "null: no user is signed in. Begin with step 1." }
        : me && well(me.nickName ? `You are “${me.nickName}”.` : "You have no nickname yet: step 2 submits it."),
  ],
  RevokeSession: [
    "devices",
    ({ revokeSession }) => well(revokeSession ? "That session has ended." : "That session had ended already."),
  ],
  RevokeOtherSessions: ["devices", ({ revokeOtherSessions: ended }) => well(`Ended, besides this one: ${ended}.`)],
  Logout: [
    "devices",
    ({ logout }) => well(logout ? "Signed out. The token is gone from Headers." : "The session had ended already."),
  ],
};

function isKnown(operation: string | null | undefined): operation is keyof typeof results {
  return Object.hasOwn(results, operation ?? "");
}

function failure({ errors }: Body): Outcome | undefined {
  const [first] = errors ?? [];
  return first && { went: "wrong", text: [first.extensions?.code, first.message].filter(Boolean).join(": ") };
}
