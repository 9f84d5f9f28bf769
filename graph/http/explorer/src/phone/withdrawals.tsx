// What users take back in WeChat, which pushes an event to the server; and what the server did about it.

import { DropdownMenu } from "@graphiql/react";
import { inLanguage } from "../language";
import { type Delivery, type Holder, wechat } from "../simulator";
import { type Field, kept, keptWithout, names } from "./kept";
import { useOperations } from "./operations";
import { forgetPicture } from "./picture";
import { attempt, back, begin, type Outcome, type Place, report, usePhone, wrong } from "./state";
import { OutcomeLine } from "./step";

interface Withdrawal {
  label: Words;
  push: (holder: Holder) => Promise<{ deliveries: Delivery[] }>;
  /** What the server should remove; without them, the user. */
  fields?: Field[];
  /** What of these is not meant, and stays. */
  others?: Words;
}

/** In English and in Chinese. */
type Words = readonly [en: string, zh: string];

const signed: Words = ["What WeChat signed has a permission of its own.", "微信签名的内容另有授权。"];
const profile: Field[] = ["nickName", "avatarUrl"];
const withdrawals: Withdrawal[] = [
  { label: ["Revoke phone number", "撤回手机号授权"], push: (holder) => wechat.revoke(holder, 8), fields: ["phone"] },
  {
    label: ["Revoke nickname and picture", "撤回昵称和头像授权"],
    push: (holder) => wechat.revoke(holder, 6),
    fields: profile,
    others: ["What was typed or uploaded has permissions of its own.", "填写或上传的内容另有授权。"],
  },
  {
    label: ["Revoke typed nickname", "撤回填写的昵称"],
    push: (holder) => wechat.revoke(holder, 19),
    fields: ["nickName"],
    others: signed,
  },
  {
    label: ["Revoke chosen picture", "撤回选择的头像"],
    push: (holder) => wechat.revoke(holder, 20),
    fields: ["avatarUrl"],
    others: signed,
  },
  { label: ["Change WeChat profile", "修改微信资料"], push: wechat.modified, fields: profile },
  { label: ["Close WeChat account", "注销微信账号"], push: wechat.closeAccount },
];

export function Withdrawals() {
  const { user, app, outcomes } = usePhone();
  const { send } = useOperations();

  async function withdraw({ push, fields, others }: Withdrawal) {
    report("withdrawal", undefined);
    const before = await kept();
    const { deliveries } = await push({ user, app });
    if (!deliveries.length) throw new Error(inLanguage("The simulator has no URL to push events to.", "模拟器没有可推送事件的地址。"));
    const after = before && (await keptWithout(fields));
    if (before && !after) begin();
    const gone = (before ?? []).filter((field) => !after?.includes(field));
    for (const place of gone.flatMap((field) => shownAt[field])) report(place, undefined);
    if (gone.includes("avatarUrl")) forgetPicture();
    const { went, en, zh } = effect(before, after, fields, others);
    const isAccepted = deliveries.every(({ accepted }) => accepted);
    const answers = deliveries.map(({ event, tries }) => ({ event, said: tries.map(answerOf).join("”, “") }));
    report("withdrawal", {
      went: isAccepted ? went : "wrong",
      en: [...answers.map(({ event, said }) => `WeChat pushed ${event}, and the server answered “${said}”.`), en].join(" "),
      zh: [...answers.map(({ event, said }) => `微信推送了 ${event}，服务器回答“${said}”。`), zh].join(""),
    });
    if (before) await send("Me");
  }

  return (
    <>
      <DropdownMenu>
        <DropdownMenu.Button type="button" className="graphiql-button">
          {inLanguage("Withdraw permission", "撤回授权")} <span aria-hidden="true">▾</span>
        </DropdownMenu.Button>
        <DropdownMenu.Content>
          {withdrawals.map((one) => (
            <DropdownMenu.Item key={one.label[0]} onSelect={() => attempt("withdrawal", () => withdraw(one))}>
              {inLanguage(...one.label)}
            </DropdownMenu.Item>
          ))}
        </DropdownMenu.Content>
      </DropdownMenu>
      <OutcomeLine outcome={outcomes.withdrawal} />
    </>
  );
}

const shownAt: Record<Field, Place[]> = {
  nickName: ["SubmitUserInfo", "profile"],
  avatarUrl: ["SubmitUserInfo", "profile"],
  phone: ["phone"],
};

const answerOf = ({ status, answer }: Delivery["tries"][number]) => [status, answer].filter(Boolean).join(" ");

function effect(before: Field[] | null, after: Field[] | null, fields?: Field[], others?: Words): Outcome {
  if (!before) return back("Sign in first, and “me” shows what that does.", "请先登录，“me” 会显示其效果。");
  if (!after) return back("For “me” there is no such user any more.", "“me” 已找不到这位用户。");
  if (!fields) return wrong("“me” still finds the user.", "“me” 仍能找到这位用户。");
  const left = after.filter((field) => fields.includes(field));
  const still: Words = [`“me” still has: ${listed(left, 0)}.`, `“me” 仍有：${listed(left, 1)}。`];
  if (left.length && !others) return wrong(...still);
  const gone = before.filter((field) => !after.includes(field));
  const changes: Words[] = [];
  if (gone.length) changes.push([`Gone from “me”: ${listed(gone, 0)}.`, `“me” 中已移除：${listed(gone, 1)}。`]);
  if (left.length && others) changes.push(still, others);
  if (!changes.length) return back("“me” is as before: nothing was kept.", "“me” 没有变化：本来就没有保存。");
  return back(changes.map(([en]) => en).join(" "), changes.map(([, zh]) => zh).join(""));
}

const listed = (fields: Field[], language: 0 | 1) =>
  fields.map((field) => names[field][language]).join(language ? "、" : ", ");
