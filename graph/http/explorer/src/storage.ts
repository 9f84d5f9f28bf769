// What the page remembers from one visit to the next: the text of operations and the layout, never a value.
//
// GraphiQL would store variables, so the code of a login, and its history whole headers, so the token, whatever
// `shouldPersistHeaders` says. Here a stored operation has lost its headers and its answer, and each text in its
// variables and its document is empty.

interface Operation {
  query?: string | null;
  variables?: string | null;
  headers?: string | null;
  response?: string | null;
}

const PREFIX = "graphiql:";
const TABS = `${PREFIX}tabState`;
// What GraphiQL stores of the tab in front a second time, and then expects to be the same.
const FRONT = new Map<string, "query" | "variables">([
  [`${PREFIX}query`, "query"],
  [`${PREFIX}variables`, "variables"],
]);
// How wide a pane is for each pixel of what is right of it, until the user draws it wider: 30 : 40 : 30.
const PROPORTIONS = new Map([
  [`${PREFIX}docExplorerFlex`, `${30 / 70}`],
  [`${PREFIX}editorFlex`, `${40 / 30}`],
]);
const TEXTS = /#[^\n]*|"""[^]*?(?:"""|$)|"(?:\\.|[^"\\\n])*"?/g;
const TOKENS = /wxs_[\w-]+/g;

/** As `localStorage`, for GraphiQL's keys alone. */
export const forgetfulStorage = {
  getItem(key: string) {
    const part = FRONT.get(key);
    return part ? inFront(part) : (localStorage.getItem(key) ?? PROPORTIONS.get(key) ?? null);
  },
  setItem(key: string, value: string) {
    if (FRONT.has(key) || key === `${PREFIX}headers`) return;
    const holdsOperations = [TABS, `${PREFIX}queries`, `${PREFIX}favorites`].includes(key);
    localStorage.setItem(key, holdsOperations ? withoutValues(value) : value);
  },
  removeItem: (key: string) => localStorage.removeItem(key),
  clear: () => own().forEach((key) => localStorage.removeItem(key)),
  get length() {
    return own().length;
  },
};

function own(): string[] {
  return Object.keys(localStorage).filter((key) => key.startsWith(PREFIX));
}

function inFront(part: "query" | "variables"): string | null {
  const { tabs = [], activeTabIndex = 0 } = JSON.parse(localStorage.getItem(TABS) ?? "{}");
  return tabs[activeTabIndex]?.[part] ?? null;
}

function withoutValues(json: string): string {
  return JSON.stringify(JSON.parse(json), (_, part) => (isOperation(part) ? emptied(part) : part));
}

function isOperation(part: unknown): part is Operation {
  return typeof part === "object" && part !== null && "query" in part;
}

function emptied(operation: Operation): Operation {
  const { query, variables } = operation;
  return {
    ...operation,
    query: query && emptiedDocument(query),
    variables: variables && emptiedVariables(variables),
    headers: null,
    ...("response" in operation && { response: null }),
  };
}

/** `login(code: "0a1b")` becomes `login(code: "")`; comments stay, but for tokens. */
function emptiedDocument(query: string): string {
  return query.replace(TEXTS, (text) => (text.startsWith("#") ? text.replace(TOKENS, "") : '""'));
}

/** The names stay, so that the next visit finds what to fill in; what is no JSON yet is forgotten. */
function emptiedVariables(variables: string): string {
  try {
    return JSON.stringify(JSON.parse(variables), (_, part) => (typeof part === "string" ? "" : part), 2);
  } catch {
    return "";
  }
}
