// Whoever signs in on this page is signed in on all its tabs: the token goes into the pane Headers, and only there.

import { useGraphiQL } from "@graphiql/react";
import { useEffect, useSyncExternalStore } from "react";
import { onAnswer } from "./endpoint";

let current: string | null = null;
const issued = new Set<string>();
const listeners = new Set<() => void>();

export const token = {
  get: () => current,
  /** null signs out. */
  set(next: string | null) {
    current = next;
    if (next) issued.add(next);
    for (const listener of listeners) listener();
  },
  subscribe(listener: () => void) {
    listeners.add(listener);
    return () => void listeners.delete(listener);
  },
};

onAnswer(({ body }) => {
  const given = body.data?.login?.token;
  if (typeof given === "string") token.set(given);
});

/** Keeps the pane up to date. A token that was entered by hand stays. */
export function TokenInHeaders() {
  const editor = useGraphiQL((state) => state.headerEditor);
  const value = useSyncExternalStore(token.subscribe, token.get);
  useEffect(() => {
    if (!editor) return;
    const write = () => {
      const headers = withToken(editor.getValue(), value);
      if (headers !== null) editor.setValue(headers);
    };
    write();
    // Another tab, or an operation of the history, brings what its pane held before.
    const subscription = editor.onDidChangeModelContent(({ isFlush }) => isFlush && write());
    return () => subscription.dispose();
  }, [editor, value]);
  return null;
}

/** The text of the pane as it should be; null where it is so already, or was entered by hand. */
function withToken(text: string, value: string | null): string | null {
  let headers: Record<string, unknown>;
  try {
    headers = JSON.parse(text || "{}");
  } catch {
    return null;
  }
  const { Authorization: held, ...others } = headers;
  const wanted = value && `Bearer ${value}`;
  if ((held ?? null) === wanted || (held && !issued.has(String(held).replace("Bearer ", "")))) return null;
  const changed = wanted ? { Authorization: wanted, ...others } : others;
  return Object.keys(changed).length ? JSON.stringify(changed, null, 2) : "";
}
