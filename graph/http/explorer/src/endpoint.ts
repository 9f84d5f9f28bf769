// Sends operations to the endpoint beside this page, and notifies listeners of requests and responses.

import type { FetcherParams, FetcherResult } from "@graphiql/toolkit";
import { deviceLabel } from "./device";
import { declared } from "./operation";
import { recorded } from "./traffic";

export const endpoint = new URL("graphql", document.baseURI);

export interface Answer {
  operation: string | null | undefined;
  /** As sent. */
  variables: Record<string, unknown>;
  /** The header that the request had. */
  authorization: string | null;
  body: Body;
}

export interface Body {
  data?: any;
  errors?: { message: string; extensions?: { code?: string } }[];
}

type Headings = Record<string, string>;

const listeners = new Set<(answer: Answer) => void>();

/** Calls `listener` for every answer from now on. */
export function onAnswer(listener: (answer: Answer) => void) {
  listeners.add(listener);
}

/** Throws a sentence, which listeners hear as well, when there is no answer or one that is no JSON. */
export async function send(
  { query, operationName, variables }: FetcherParams,
  { headers }: { headers?: Record<string, string> } = {},
): Promise<FetcherResult> {
  const sent = {
    operation: operationName,
    authorization: headers?.Authorization ?? null,
    variables: declared(query, operationName, variables),
  };
  const announce = (body: Body) => listeners.forEach((listener) => listener({ ...sent, body }));
  try {
    const known = operationName === "IntrospectionQuery" ? await introspection() : null;
    const body = known ?? (await shown({ query, operationName, variables: sent.variables }, headers));
    announce(body);
    return body;
  } catch (error) {
    announce({ errors: [{ message: (error as Error).message }] });
    throw error;
  }
}

/** The schema as a file, which comes compressed; null from a server that does not show it. */
async function introspection(): Promise<Body | null> {
  const response = await fetch(new URL("graphiql/introspection.json", document.baseURI)).catch(() => null);
  return response?.ok ? response.json() : null;
}

/** As `post`, but the sequence has it: without the document, and with a token's beginning. */
async function shown({ query, operationName, variables }: FetcherParams, headers: Headings = {}) {
  const { Authorization: token } = headers;
  const request = { operationName, variables, ...(token && { authorization: `${token.slice(0, 16)}…` }) };
  const sent = () => respond({ query, operationName, variables }, headers);
  return (await recorded({ to: "server", title: operationName ?? "query", request }, sent)).body;
}

/** As `send`, but listeners hear nothing of it. */
export const post = async (operation: object, headers?: Headings) => (await respond(operation, headers)).body;

function respond(operation: object, headers: Headings = {}) {
  const all = new Headers({
    "Content-Type": "application/json",
    Accept: "application/json",
    "X-Wxgate-Device": deviceLabel(),
  });
  for (const [name, value] of Object.entries(headers)) all.set(name, value);
  return ask(endpoint, { method: "POST", headers: all, body: JSON.stringify(operation) });
}

/** Raises a sentence where there is no answer, or none in JSON. */
export async function ask(address: URL, init: RequestInit): Promise<{ status: number; body: any }> {
  const response = await fetch(address, init).catch(() => {
    throw new Error(`No answer from ${address.href}. Is the server running?`);
  });
  const body = await response.json().catch(() => {
    throw new Error(`${address.href} answered ${response.status} with something else than JSON.`);
  });
  return { status: response.status, body };
}
