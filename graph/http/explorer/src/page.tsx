// The explorer: GraphiQL with a memory for operations and none for values.

import { GraphiQL } from "graphiql";
import { HISTORY_PLUGIN } from "@graphiql/plugin-history";
import { type GraphiQLPlugin, pick, useGraphiQL, useGraphiQLActions } from "@graphiql/react";
import { type ComponentType, useEffect } from "react";
import { createRoot } from "react-dom/client";
import "@fontsource/fira-code/latin-400.css";
import "@graphiql/react/style.css";
import "@graphiql/plugin-doc-explorer/style.css";
import "@graphiql/plugin-history/style.css";
import "graphiql/graphiql.css";
import "./page.css";
import "./layout.css";
import "./narrow.css";
import "./workers";
import "./colors";
import { CopyAs, OperationAtCursor } from "./copy/menu";
import { documents } from "./documents";
import { send } from "./endpoint";
import { HeadersInPane } from "./headers";
import { LanguageSwitch } from "./language-switch";
import { NoResponse } from "./response";
import { forgetfulStorage } from "./storage";
import { OptionalVariables } from "./variables";

interface Parts {
  /** The first is open on the first visit. */
  panels?: GraphiQLPlugin[];
  /** What is drawn below the response. */
  Below?: ComponentType;
}

export function openExplorer({ panels = [], Below }: Parts) {
  createRoot(document.getElementById("explorer")!).render(
    <GraphiQL
      fetcher={send}
      storage={forgetfulStorage}
      defaultTabs={documents.map((query) => ({ query }))}
      defaultQuery={documents[0]}
      plugins={[...panels, HISTORY_PLUGIN]}
      visiblePlugin={panels[0]}
      defaultEditorToolsVisibility="variables"
      shouldPersistHeaders={false}
      showPersistHeadersSettings={false}
    >
      <GraphiQL.Logo>
        <span>wxgate</span>
        <LanguageSwitch />
      </GraphiQL.Logo>
      <GraphiQL.Toolbar>
        {({ prettify, merge, copy }) => (
          <>
            {prettify}
            {merge}
            {copy}
            <CopyAs />
          </>
        )}
      </GraphiQL.Toolbar>
      <GraphiQL.Footer>
        <NoResponse />
        {Below && <Below />}
      </GraphiQL.Footer>
      <HeadersInPane />
      <OperationAtCursor />
      <OptionalVariables />
      <LongLines />
      <FollowSystem />
    </GraphiQL>,
  );
}

/** What WeChat encrypts is longer than any screen is wide. */
function LongLines() {
  const editors = useGraphiQL(pick("queryEditor", "variableEditor", "headerEditor", "responseEditor"));
  useEffect(() => {
    for (const editor of Object.values(editors)) editor?.updateOptions({ wordWrap: "on" });
  }, [editors]);
  return null;
}

/** The editors' colours as well, when the system turns dark or light while the page is open. */
function FollowSystem() {
  const theme = useGraphiQL((state) => state.theme);
  const { setTheme } = useGraphiQLActions();
  useEffect(() => {
    const system = matchMedia("(prefers-color-scheme: dark)");
    const follow = () => theme ?? setTheme(null);
    system.addEventListener("change", follow);
    return () => system.removeEventListener("change", follow);
  }, [theme, setTheme]);
  return null;
}
