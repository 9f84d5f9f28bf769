// The operation that is in view, with all that is needed to send it from elsewhere.

import { parse, print, separateOperations } from "graphql";
import { chosenOperation, declared } from "../operation";

export interface Sending {
  query: string;
  operationName: string | undefined;
  variables: Record<string, unknown>;
  headers: Record<string, string>;
}

/** What the editors hold, as text. */
interface Panes {
  query: string;
  operationName: string | null | undefined;
  variables: string;
  headers: string;
}

/** Of a document with several operations this one alone, with what it uses and no more; raises what does not parse. */
export function sendingOf({ query, operationName, variables, headers }: Panes): Sending {
  const document = parse(query);
  const name = chosenOperation(document, operationName)?.name?.value;
  return {
    query: print(separateOperations(document)[name ?? ""] ?? document),
    operationName: name,
    variables: declared(query, name, JSON.parse(variables || "{}")),
    headers: { "Content-Type": "application/json", ...JSON.parse(headers || "{}") },
  };
}

const isAuthorization = (name: string) => name.toLowerCase() === "authorization";

export const holdsToken = (headers: string) => /"authorization"\s*:/i.test(headers);

/** As it is, but with `placeholder` for the token. */
export function withoutToken(sending: Sending, placeholder: string): Sending {
  const headers = Object.entries(sending.headers);
  const hidden = headers.map(([name, value]) => [name, isAuthorization(name) ? placeholder : value]);
  return { ...sending, headers: Object.fromEntries(hidden) };
}
