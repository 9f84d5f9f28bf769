// What the phone makes of the server's answers to its operations.

import type { Operation } from "../documents";
import { type Body, onAnswer } from "../endpoint";
import { begin, type Outcome, type Place, report, usePhone } from "./state";

onAnswer(({ operation, body }) => {
  if (!isKnown(operation)) return;
  if (body.data?.deleteMe) begin();
  if (body.data?.exportMe) usePhone.setState({ exported: body.data.exportMe.document });
  const [place, success] = results[operation];
  report(place, failure(body) ?? success(body.data ?? {}));
});

const well = (text: string): Outcome => ({ went: "well", text });
const back = (text: string): Outcome => ({ went: "back", text });
const results: Record<Exclude<Operation, "Sessions" | "Picture">, [Place, (data: any) => Outcome | undefined]> = {
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
        : me && well(me.nickName ? `You are “${me.nickName}”.` : "You have no nickname yet: steps 2 and 5 are for that."),
  ],
  UpdateProfile: [
    "profile",
    ({ updateProfile: user }) =>
      user && well(user.nickName ? `Kept: you are “${user.nickName}”.` : "Kept. You have no nickname yet."),
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
  SubmitPhoneNumber: ["phone", ({ submitPhoneNumber: user }) => number(user)],
  SubmitEncryptedPhoneNumber: ["phone", ({ submitEncryptedPhoneNumber: user }) => number(user)],
  RemovePhoneNumber: ["phone", ({ removePhoneNumber: user }) => user && back("The server keeps no number of yours.")],
  ExportMe: ["data", ({ exportMe }) => exportMe && back("Here is all of it, as one document.")],
  DeleteMe: [
    "data",
    ({ deleteMe }) =>
      deleteMe && back("All of it is gone, and the token from Headers. Step 1 signs in for the first time now."),
  ],
};

/** The moment of the tap shows which of two submissions is kept. */
function number(user?: { phone: { masked: string; verifiedAt: string } | null }): Outcome | undefined {
  if (!user?.phone) return undefined;
  return well(`Kept: ${user.phone.masked}, given at ${new Date(user.phone.verifiedAt).toLocaleTimeString("en")}.`);
}

function isKnown(operation: string | null | undefined): operation is keyof typeof results {
  return Object.hasOwn(results, operation ?? "");
}

function failure({ errors }: Body): Outcome | undefined {
  const [first] = errors ?? [];
  return first && { went: "wrong", text: [first.extensions?.code, first.message].filter(Boolean).join(": ") };
}
