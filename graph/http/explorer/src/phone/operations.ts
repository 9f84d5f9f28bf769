// How the phone reaches the editors: it fills in variables and sends operations where everybody sees it.

import { pick, useGraphiQL, useGraphiQLActions } from "@graphiql/react";
import { documentWith, headOf, type Operation } from "../documents";

export function useOperations() {
  const { queryEditor, variableEditor, tabs } = useGraphiQL(pick("queryEditor", "variableEditor", "tabs"));
  const { addTab, changeTab, run, setOperationName, updateActiveTabValues } = useGraphiQLActions();

  /** Brings the operation into view: in this tab, another, or a new one. */
  function show(operation: Operation) {
    const head = headOf(operation);
    if (!head.test(queryEditor?.getValue() ?? "")) {
      const index = tabs.findIndex(({ query }) => head.test(query ?? ""));
      if (index >= 0) {
        changeTab(index);
      } else {
        addTab();
        queryEditor?.setValue(documentWith(operation));
      }
    }
    const before = queryEditor?.getValue().split(head)[0] ?? "";
    queryEditor?.revealLineNearTop(before.split("\n").length);
  }

  return {
    fill(operation: Operation, values: object) {
      show(operation);
      const variables = JSON.stringify({ ...parsed(variableEditor?.getValue() ?? ""), ...values }, null, 2);
      variableEditor?.setValue(variables);
      // The editor tells the tab a moment later: too late for the history of who sends at once.
      updateActiveTabValues({ variables });
    },
    async send(operation: Operation) {
      show(operation);
      setOperationName(operation);
      // Where that changed the tab, its headers are complete a moment later.
      await Promise.resolve();
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
