// What the phone makes of the server's answers to its operations.

import type { Operation } from "../documents";
import { type Answer, type Body, onAnswer } from "../endpoint";
import { back, begin, type Outcome, type Place, report, usePhone, well, wrong } from "./state";

onAnswer(({ operation, variables, body }) => {
  if (!isKnown(operation)) return;
  if (body.data?.deleteMe) begin();
  if (body.data?.exportMe) usePhone.setState({ exported: body.data.exportMe.document });
  const [place, success] = results[operation];
  report(place, failure(body) ?? success(body.data ?? {}, variables));
});

type Success = (data: any, variables: Answer["variables"]) => Outcome | undefined;

const results: Record<Operation, [Place, Success]> = {
  Login: [
    "Login",
    ({ login }) =>
      login &&
      well(
        `Signed in ${login.isNewUser ? "for the first time" : "again"}. The token is in Headers from now on.`,
        `${login.isNewUser ? "首次" : "再次"}登录成功，令牌已写入 Headers。`,
      ),
  ],
  SubmitUserInfo: ["SubmitUserInfo", ({ submitUserInfo }, { rawData }) => submitUserInfo && userInfo(submitUserInfo, rawData)],
  Me: [
    "Me",
    ({ me }) => {
      if (me === null) return wrong("null: no user is signed in. Begin with step 1.", "null：尚未登录，请从第 1 步开始。");
      if (!me) return undefined;
      return me.nickName
        ? well(`You are “${me.nickName}”.`, `你是“${me.nickName}”。`)
        : well("You have no nickname yet: steps 2 and 5 are for that.", "你还没有昵称：请看第 2 步和第 5 步。");
    },
  ],
  UpdateProfile: [
    "profile",
    ({ updateProfile: user }) =>
      user &&
      (user.nickName
        ? well(`Kept: you are “${user.nickName}”.`, `已保存：你是“${user.nickName}”。`)
        : well("Kept. You have no nickname yet.", "已保存。你还没有昵称。")),
  ],
  RevokeSession: [
    "devices",
    ({ revokeSession }) =>
      revokeSession
        ? well("That session has ended.", "该会话已结束。")
        : well("That session had ended already.", "该会话早已结束。"),
  ],
  RevokeOtherSessions: [
    "devices",
    ({ revokeOtherSessions: ended }) => well(`Ended, besides this one: ${ended}.`, `已结束其他会话 ${ended} 个。`),
  ],
  Logout: [
    "devices",
    ({ logout }) =>
      logout
        ? well("Signed out. The token is gone from Headers.", "已退出登录，令牌已从 Headers 移除。")
        : well("The session had ended already.", "该会话早已结束。"),
  ],
  SubmitPhoneNumber: ["phone", ({ submitPhoneNumber: user }) => number(user)],
  SubmitEncryptedPhoneNumber: ["phone", ({ submitEncryptedPhoneNumber: user }) => number(user)],
  RemovePhoneNumber: [
    "phone",
    ({ removePhoneNumber: user }) => user && back("The server keeps no number of yours.", "服务器不再保存你的手机号。"),
  ],
  ExportMe: [
    "data",
    ({ exportMe }) => exportMe && back("Here is all of it, as one document.", "全部数据都在这一份文档里。"),
  ],
  DeleteMe: [
    "data",
    ({ deleteMe }) =>
      deleteMe &&
      back(
        "All of it is gone, and the token from Headers. Step 1 signs in for the first time now.",
        "数据已全部删除，令牌也已从 Headers 移除。现在第 1 步会是首次登录。",
      ),
  ],
};

/** What was submitted need not be what is kept: WeChat's name for every user never replaces one of their own. */
function userInfo({ nickName, isAnonymous }: { nickName: string; isAnonymous: boolean }, rawData: unknown): Outcome {
  const submitted = nickNameIn(rawData) ?? nickName;
  if (isAnonymous) {
    return well(
      `Proved. But WeChat now calls every user “${submitted}”: for the server you have no nickname yet.`,
      `验证通过。但微信现在把每个用户都叫作“${submitted}”：在服务器看来，你还没有昵称。`,
    );
  }
  if (submitted !== nickName) {
    return back(
      `Proved, but “${submitted}” was not kept: you stay “${nickName}”.`,
      `验证通过，但“${submitted}”没有保存：你仍是“${nickName}”。`,
    );
  }
  return well(`Proved and kept: the nickname is “${nickName}”.`, `验证通过并已保存：昵称是“${nickName}”。`);
}

function nickNameIn(rawData: unknown): string | null {
  try {
    return JSON.parse(String(rawData)).nickName ?? null;
  } catch {
    return null;
  }
}

/** The moment of the tap shows which of two submissions is kept. */
function number(user?: { phone: { masked: string; verifiedAt: string } | null }): Outcome | undefined {
  if (!user?.phone) return undefined;
  const { masked, verifiedAt } = user.phone;
  const at = new Date(verifiedAt);
  return well(
    `Kept: ${masked}, given at ${at.toLocaleTimeString("en")}.`,
    `已保存：${masked}，授权时间 ${at.toLocaleTimeString("zh")}。`,
  );
}

function isKnown(operation: string | null | undefined): operation is Operation {
  return Object.hasOwn(results, operation ?? "");
}

function failure({ errors }: Body): Outcome | undefined {
  const [first] = errors ?? [];
  return first && wrong([first.extensions?.code, first.message].filter(Boolean).join(": "));
}
