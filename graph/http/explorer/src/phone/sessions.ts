// The sessions of the user who is signed in, as the server lists them.

import { create } from "zustand";
import { onAnswer, post } from "../endpoint";
import { authorization, forget, isUnauthenticated } from "../headers";
import { report, wrong } from "./state";

export interface Session {
  id: string;
  isCurrent: boolean;
  lastSeenAt: string;
  appId: string;
  device: { label: string | null; platform: string };
}

const query = "query Devices { sessions { id isCurrent lastSeenAt appId device { label platform } } }";

export const useSessions = create<{ sessions: Session[] }>(() => ({ sessions: [] }));

let turns = 0;

/** Asks anew; of several calls the last one counts. */
async function refresh() {
  const turn = ++turns;
  // An answer that brings a token calls twice.
  await Promise.resolve();
  const asked = authorization.get();
  if (!asked) useSessions.setState({ sessions: [] });
  if (!asked || turn !== turns) return;
  const body = await post({ query }, { Authorization: asked }).catch(() => ({}));
  if (turn !== turns) return;
  if (body.data) useSessions.setState({ sessions: body.data.sessions });
  if (isUnauthenticated(body)) {
    forget(asked);
    report("devices", wrong("This session has ended. Sign in again.", "此会话已结束，请重新登录。"));
  }
}

onAnswer(refresh);
authorization.subscribe(refresh);
// Another tab may have ended this session, or begun one.
addEventListener("focus", refresh);
