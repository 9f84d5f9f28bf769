// What the phone remembers while the page is open, whether its panel is shown or not.

import { useSyncExternalStore } from "react";
import { create } from "zustand";
import { authorization, miniProgram } from "../headers";
import { FIRST_USERS, type Holder, type Policy, wechat } from "../simulator";
import type { Upload } from "./upload";

/** How something went, in both languages: a user may switch when it is there. */
export interface Outcome {
  /** "back": what the user has done is undone, or was not to be kept. */
  went: "well" | "wrong" | "back";
  en: string;
  zh: string;
}

export const well = (en: string, zh: string): Outcome => ({ went: "well", en, zh });
export const wrong = (en: string, zh = en): Outcome => ({ went: "wrong", en, zh });
export const back = (en: string, zh: string): Outcome => ({ went: "back", en, zh });

/** Where an outcome is shown. */
export type Place = "Login" | "SubmitUserInfo" | "Me" | "phone" | "profile" | "devices" | "data" | "withdrawal" | "mistakes" | "faults";

/** A picture that the user has chosen. */
export interface Chosen {
  /** Its name in the simulator; null for a file of one's own. */
  face: string | null;
  file: Blob;
}

interface Phone extends Holder {
  users: string[];
  apps: string[];
  policy: Policy;
  code: string | null;
  collected: boolean;
  isLibraryOld: boolean;
  hasTapped: boolean;
  typedName: string;
  chosen: Chosen | null;
  /** Of the chosen picture. */
  upload: Upload | null;
  /** The document of the last export. */
  exported: string | null;
  isWeChatDown: boolean;
  /** Of the last operation or fault there. */
  outcomes: Partial<Record<Place, Outcome>>;
}

const nothingDone = {
  code: null,
  collected: false,
  hasTapped: false,
  typedName: "",
  chosen: null,
  upload: null,
  exported: null,
  outcomes: {},
};
// Each mini-program keeps a token of its own on each user's phone.
const tokens = new Map<string, string | null>();

export const usePhone = create<Phone>(() => ({
  users: [...FIRST_USERS],
  user: FIRST_USERS[0],
  apps: [],
  app: null,
  policy: "new",
  isLibraryOld: false,
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

/** Makes the phone that of a user who has done nothing yet. */
export const begin = () => usePhone.setState(nothingDone);

function keptFor(): string {
  const { user, app } = usePhone.getState();
  return JSON.stringify([app, user]);
}

authorization.subscribe(() => {
  const held = authorization.get();
  tokens.set(keptFor(), held);
  // These speak of the token before.
  const places: Place[] = held ? ["Me", "profile", "devices", "data", "withdrawal"] : ["Login", "Me"];
  for (const place of places) report(place, undefined);
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

export function useSignedIn(): boolean {
  return useSyncExternalStore(authorization.subscribe, authorization.get) !== null;
}

export function report(place: Place, outcome: Outcome | undefined) {
  usePhone.setState(({ outcomes }) => ({ outcomes: { ...outcomes, [place]: outcome } }));
}

/** Does something that may fail before the server is asked, and reports an error at that place. */
export async function attempt(place: Place, action: () => Promise<unknown>) {
  try {
    await action();
  } catch (error) {
    report(place, wrong(error instanceof Error ? error.message : String(error)));
  }
}
