// How WeChat's check of the picture goes that was saved last, by `me`.

import { create } from "zustand";
import { onAnswer, post } from "../endpoint";
import { authorization } from "../headers";

interface Picture {
  state: "CHECKING" | "SHOWN" | "REVIEW" | "REFUSED";
  url: string | null;
}

const query = "query Checked { me { picture { state url } } }";
// Milliseconds. WeChat may take half an hour, and the one that this server plays much less.
const PAUSE = 400;
const PATIENCE = 20_000;

/** The states that the picture has gone through since it was saved, and where it is now. */
export const usePicture = create<{ states: Picture["state"][]; url: string | null }>(() => ({ states: [], url: null }));

let turns = 0;

export function forgetPicture() {
  turns += 1;
  usePicture.setState({ states: [], url: null });
}

function note({ state, url }: Picture) {
  const { states } = usePicture.getState();
  usePicture.setState({ url, states: states.at(-1) === state ? states : [...states, state] });
}

/** Asks until WeChat has decided; of several pictures the last one counts. */
async function follow(saved: Picture) {
  forgetPicture();
  const turn = turns;
  const asked = authorization.get();
  note(saved);
  for (let waited = 0; usePicture.getState().states.at(-1) === "CHECKING" && waited < PATIENCE; waited += PAUSE) {
    await new Promise((resume) => setTimeout(resume, PAUSE));
    const body = await post({ query }, { Authorization: asked ?? "" }).catch(() => ({}));
    if (turn !== turns) return;
    if (body.data?.me?.picture) note(body.data.me.picture);
  }
}

onAnswer(({ body }) => {
  const saved = body.data?.updateProfile;
  if (saved?.picture) void follow(saved.picture);
});
authorization.subscribe(forgetPicture);

/** From the page's own origin, and no other is allowed: the server may know itself by another address. */
export function addressHere(url: string): string | null {
  const [name] = /avatars\/\w+\.jpg$/.exec(url) ?? [];
  return name ? new URL(name, document.baseURI).href : null;
}
