// How the phone reaches the editors: it fills in variables and sends operations where everybody sees it.

import { pick, useGraphiQL, useGraphiQLActions } from "@graphiql/react";
import { type Operation, opening } from "../opening";

export function useOperations() {
  const { queryEditor, variableEditor, tabs } = useGraphiQL(pick("queryEditor", "variableEditor", "tabs"));
  const { addTab, changeTab, run, setOperationName, updateActiveTabValues } = useGraphiQLActions();

  /** Shows a tab that has the operation: this one, another, or a new one. */
  function show(operation: Operation) {
    const has = (document?: string | null) => new RegExp(`^(query|mutation) ${operation}\\b`, "m").test(document ?? "");
    if (has(queryEditor?.getValue())) return;
    const index = tabs.findIndex(({ query }) => has(query));
    if (index >= 0) return changeTab(index);
    addTab();
    queryEditor?.setValue(opening);
  }

  return {
    fill(operation: Operation, values: object) {
      show(operation);
      const variables = JSON.stringify({ ...parsed(variableEditor?.getValue() ?? ""), ...values }, null, 2);
      variableEditor?.setValue(variables);
      // The editor tells the tab a moment later: too late for the history of who sends at once.
      updateActiveTabValues({ variables });
    },
    send(operation: Operation) {
      show(operation);
      setOperationName(operation);
      return run();
    },
  };
}

function parsed(variables: string): object {
  try {
    return JSON.parse(variables);
  } catch {
    return {};
  }
}
