// What users take back in WeChat, which pushes an event to the server; and what the server did about it.

import { DropdownMenu } from "@graphiql/react";
import { type Field, kept, keptWithout, names } from "./kept";
import { useOperations } from "./operations";
import { forgetPicture } from "./picture";
import { type Delivery, type Holder, wechat } from "./simulator";
import { attempt, begin, type Outcome, type Place, report, usePhone } from "./state";
import { OutcomeLine } from "./step";

interface Withdrawal {
  label: string;
  push: (holder: Holder) => Promise<{ deliveries: Delivery[] }>;
  /** What the server should remove; without them, the user. */
  fields?: Field[];
  /** What of these is not meant, and stays. */
  others?: string;
}

const profile: Field[] = ["nickName", "avatarUrl"];
const withdrawals: Withdrawal[] = [
  { label: "Revoke phone number", push: (holder) => wechat.revoke(holder, 8), fields: ["phone"] },
  {
    label: "Revoke nickname and picture",
    push: (holder) => wechat.revoke(holder, 6),
    fields: profile,
    others: "What was typed or uploaded has permissions of its own.",
  },
  {
    label: "Revoke typed nickname",
    push: (holder) => wechat.revoke(holder, 19),
    fields: ["nickName"],
    others: "What WeChat signed has a permission of its own.",
  },
  {
    label: "Revoke chosen picture",
    push: (holder) => wechat.revoke(holder, 20),
    fields: ["avatarUrl"],
    others: "What WeChat signed has a permission of its own.",
  },
  { label: "Change WeChat profile", push: wechat.modified, fields: profile },
  { label: "Close WeChat account", push: wechat.closeAccount },
];

export function Withdrawals() {
  const { user, app, outcomes } = usePhone();
  const { send } = useOperations();

  async function withdraw({ push, fields, others }: Withdrawal) {
    report("withdrawal", undefined);
    const before = await kept();
    const { deliveries } = await push({ user, app });
    if (!deliveries.length) throw new Error("The simulator has no URL to push events to.");
    const after = before && (await keptWithout(fields));
    if (before && !after) begin();
    const gone = (before ?? []).filter((field) => !after?.includes(field));
    for (const place of gone.flatMap((field) => shownAt[field])) report(place, undefined);
    if (gone.includes("avatarUrl")) forgetPicture();
    const { went, text } = effect(before, after, fields, others);
    const isAccepted = deliveries.every(({ accepted }) => accepted);
    report("withdrawal", { went: isAccepted ? went : "wrong", text: `${deliveries.map(described).join(" ")} ${text}` });
    if (before) await send("Me");
  }

  return (
    <>
      <DropdownMenu>
        <DropdownMenu.Button type="button" className="graphiql-button">
          Withdraw permission <span aria-hidden="true">▾</span>
        </DropdownMenu.Button>
        <DropdownMenu.Content>
          {withdrawals.map((one) => (
            <DropdownMenu.Item key={one.label} onSelect={() => attempt("withdrawal", () => withdraw(one))}>
              {one.label}
            </DropdownMenu.Item>
          ))}
        </DropdownMenu.Content>
      </DropdownMenu>
      {outcomes.withdrawal && <OutcomeLine {...outcomes.withdrawal} />}
    </>
  );
}

const shownAt: Record<Field, Place[]> = {
  nickName: ["SubmitUserInfo", "profile"],
  avatarUrl: ["SubmitUserInfo", "profile"],
  phone: ["phone"],
};

function described({ event, tries }: Delivery): string {
  const responses = tries.map(({ status, answer }) => [status, answer].filter(Boolean).join(" "));
  return `WeChat pushed ${event}, and the server answered “${responses.join("”, “")}”.`;
}

function effect(before: Field[] | null, after: Field[] | null, fields?: Field[], others?: string): Outcome {
  if (!before) return { went: "back", text: "Sign in first, and “me” shows what that does." };
  if (!after) return { went: "back", text: "For “me” there is no such user any more." };
  if (!fields) return { went: "wrong", text: "“me” still finds the user." };
  const left = after.filter((field) => fields.includes(field));
  if (left.length && !others) return { went: "wrong", text: `“me” still has: ${listed(left)}.` };
  const gone = before.filter((field) => !after.includes(field));
  const text = [
    gone.length && `Gone from “me”: ${listed(gone)}.`,
    left.length && `“me” still has: ${listed(left)}. ${others}`,
  ].filter(Boolean);
  return { went: "back", text: text.join(" ") || "“me” is as before: nothing was kept." };
}

const listed = (fields: Field[]) => fields.map((field) => names[field]).join(", ");
