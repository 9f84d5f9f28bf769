// Sends operations to the endpoint beside this page, and notifies listeners of requests and responses.

import type { FetcherParams, FetcherResult } from "@graphiql/toolkit";
import { Kind, parse } from "graphql";
import { deviceLabel } from "./device";

const endpoint = new URL("graphql", document.baseURI);

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

const listeners = new Set<(answer: Answer) => void>();

/** Calls `listener` for every answer from now on; returns what ends that. */
export function onAnswer(listener: (answer: Answer) => void): () => void {
  listeners.add(listener);
  return () => void listeners.delete(listener);
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
    const body = known ?? (await post({ query, operationName, variables: sent.variables }, headers));
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

/** As `send`, but listeners hear nothing of it. */
export async function post(operation: object, headers: Record<string, string> = {}) {
  const all = new Headers({
    "Content-Type": "application/json",
    Accept: "application/json",
    "X-Wxgate-Device": deviceLabel(),
  });
  for (const [name, value] of Object.entries(headers)) all.set(name, value);
  const response = await fetch(endpoint, {
    method: "POST",
    headers: all,
    body: JSON.stringify(operation),
  }).catch(() => {
    throw new Error(`No answer from ${endpoint.href}. Is the server running?`);
  });
  return response.json().catch(() => {
    throw new Error(`${endpoint.href} answered ${response.status} with something else than JSON.`);
  });
}

/** Only what the operation asks for: the pane may still hold a code when another operation is run. */
function declared(query: string, operationName?: string | null, variables: Record<string, unknown> = {}): Record<string, unknown> {
  try {
    const operations = parse(query).definitions.filter(({ kind }) => kind === Kind.OPERATION_DEFINITION);
    const chosen = operations.find((one) => "name" in one && one.name?.value === operationName) ?? operations[0];
    const names = chosen && "variableDefinitions" in chosen ? (chosen.variableDefinitions ?? []) : [];
    return Object.fromEntries(
      names.flatMap(({ variable: { name } }) => (name.value in variables ? [[name.value, variables[name.value]]] : [])),
    );
  } catch {
    return variables;
  }
}
