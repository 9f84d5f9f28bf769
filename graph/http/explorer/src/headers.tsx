// The headers that the page adds to a visitor's own stand in the pane Headers, on all its tabs, and only there.

import { useGraphiQL } from "@graphiql/react";
import { useEffect, useSyncExternalStore } from "react";
import { type Body, onAnswer } from "./endpoint";

/** One header with the value that it should have; null for none. */
class PageHeader {
  private current: string | null = null;
  private readonly written = new Set<string>();
  private readonly listeners = new Set<() => void>();

  constructor(private readonly name: string) {}

  get = () => this.current;

  set(next: string | null) {
    this.current = next;
    if (next) this.written.add(next);
    for (const listener of this.listeners) listener();
  }

  subscribe = (listener: () => void) => {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  };

  /** The text of the pane as it should be. What was entered by hand stays. */
  within(text: string): string {
    let headers: Record<string, unknown>;
    try {
      headers = JSON.parse(text || "{}");
    } catch {
      return text;
    }
    const held = headers[this.name] ?? null;
    if (held === this.current || (held && !this.written.has(String(held)))) return text;
    headers[this.name] = this.current ?? undefined;
    const changed = JSON.stringify(headers, null, 2);
    return changed === "{}" ? "" : changed;
  }
}

/** `Bearer` and the token of the last login: a login on one tab counts on all. */
export const authorization = new PageHeader("Authorization");

/** The AppID of the mini-program that the phone plays, where there are several. */
export const miniProgram = new PageHeader("X-Wxgate-App");

const pageHeaders = [authorization, miniProgram];

/** Forgets a token that has ended, unless another has taken its place. */
export function forget(ended: string | null) {
  if (ended && ended === authorization.get()) authorization.set(null);
}

onAnswer(({ authorization: sent, body }) => {
  const given = body.data?.login?.token;
  if (typeof given === "string") authorization.set(`Bearer ${given}`);
  else if (typeof body.data?.logout === "boolean" || body.data?.deleteMe || isUnauthenticated(body)) forget(sent);
});

export function isUnauthenticated({ errors }: Body): boolean {
  return errors?.some(({ extensions }) => extensions?.code === "UNAUTHENTICATED") ?? false;
}

/** Keeps the pane up to date. */
export function HeadersInPane() {
  const editor = useGraphiQL((state) => state.headerEditor);
  const values = pageHeaders.map((header) => useSyncExternalStore(header.subscribe, header.get));
  useEffect(() => {
    if (!editor) return;
    const write = () => {
      const text = editor.getValue();
      const wanted = pageHeaders.reduce((changed, header) => header.within(changed), text);
      if (wanted !== text) editor.setValue(wanted);
    };
    write();
    // Another tab, or an operation of the history, brings what its pane held before. Monaco is at work on that text
    // until its listeners have returned, and fails over another.
    const subscription = editor.onDidChangeModelContent(({ isFlush }) => isFlush && queueMicrotask(write));
    return () => subscription.dispose();
  }, [editor, ...values]);
  return null;
}
