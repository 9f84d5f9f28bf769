// What users take back in WeChat, which pushes an event to the server; and what the server did about it.

import { DropdownMenu } from "@graphiql/react";
import { type Field, kept, keptWithout, names } from "./kept";
import { useOperations } from "./operations";
import { type Delivery, type Holder, wechat } from "./simulator";
import { attempt, begin, type Outcome, type Place, report, usePhone } from "./state";
import { OutcomeLine } from "./step";

interface Withdrawal {
  label: string;
  push: (holder: Holder) => Promise<{ deliveries: Delivery[] }>;
  /** What the server should remove; without them, the user. */
  fields?: Field[];
}

const profile: Field[] = ["nickName", "avatarUrl"];
const withdrawals: Withdrawal[] = [
  { label: "Revoke phone number", push: (holder) => wechat.revoke(holder, 8), fields: ["phone"] },
  { label: "Revoke nickname and picture", push: (holder) => wechat.revoke(holder, 6), fields: profile },
  { label: "Change WeChat profile", push: wechat.modified, fields: profile },
  { label: "Close WeChat account", push: wechat.closeAccount },
];

export function Withdrawals() {
  const { user, app, outcomes } = usePhone();
  const { send } = useOperations();

  async function withdraw({ push, fields }: Withdrawal) {
    report("withdrawal", undefined);
    const before = await kept();
    const { deliveries } = await push({ user, app });
    if (!deliveries.length) throw new Error("The simulator has no URL to push events to.");
    const after = before && (await keptWithout(fields));
    if (before && !after) begin();
    for (const field of before ?? []) if (!after?.includes(field)) report(shownAt[field], undefined);
    const { went, text } = effect(before, after, fields);
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

const shownAt: Record<Field, Place> = { nickName: "SubmitUserInfo", avatarUrl: "SubmitUserInfo", phone: "phone" };

function described({ event, tries }: Delivery): string {
  const responses = tries.map(({ status, answer }) => [status, answer].filter(Boolean).join(" "));
  return `WeChat pushed ${event}, and the server answered “${responses.join("”, “")}”.`;
}

function effect(before: Field[] | null, after: Field[] | null, fields?: Field[]): Outcome {
  if (!before) return { went: "back", text: "Sign in first, and “me” shows what that does." };
  if (!after) return { went: "back", text: "For “me” there is no such user any more." };
  if (!fields) return { went: "wrong", text: "“me” still finds the user." };
  const left = after.filter((field) => fields.includes(field));
  if (left.length) return { went: "wrong", text: `“me” still has: ${listed(left)}.` };
  const gone = before.filter((field) => !after.includes(field));
  if (!gone.length) return { went: "back", text: "“me” is as before: nothing was kept." };
  return { went: "back", text: `Gone from “me”: ${listed(gone)}.` };
}

const listed = (fields: Field[]) => fields.map((field) => names[field]).join(", ");
