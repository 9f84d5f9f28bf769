// What the server still keeps of the user who is signed in, by `me`.

import { post } from "../endpoint";
import { authorization, isUnauthenticated } from "../headers";

/** What users can take back, as `me` calls it and as users do, in English and in Chinese. */
export const names = {
  nickName: ["nickname", "昵称"],
  avatarUrl: ["picture", "头像"],
  phone: ["phone number", "手机号"],
} as const;
export type Field = keyof typeof names;

const query = "query Kept { me { nickName avatarUrl phone { masked } } }";
// Milliseconds: the server applies an event after it has answered, and seldom takes as long as this.
const PAUSE = 200;
const PATIENCE = 4_000;

/** The fields that hold something; null where no user is signed in, or the user is gone. */
export async function kept(): Promise<Field[] | null> {
  const asked = authorization.get();
  if (!asked) return null;
  const body = await post({ query }, { Authorization: asked });
  if (body.errors && !isUnauthenticated(body)) throw new Error(body.errors[0].message);
  const me = body.data?.me;
  return me ? (Object.keys(names) as Field[]).filter((field) => me[field] !== null) : null;
}

/** As `kept`, as soon as the server has removed these fields, or the user where there are none; or when it does not. */
export async function keptWithout(fields?: Field[]): Promise<Field[] | null> {
  for (let waited = 0; ; waited += PAUSE) {
    const found = await kept();
    const isRemoved = fields && !fields.some((field) => found?.includes(field));
    if (!found || isRemoved || waited >= PATIENCE) return found;
    await new Promise((resume) => setTimeout(resume, PAUSE));
  }
}
