// How the phone reaches the editors: it fills in variables and sends operations in plain view.
//
// The pane Variables holds those of one operation, so that each is checked, sent and read without the others'.

import { pick, useGraphiQL, useGraphiQLActions } from "@graphiql/react";
import { documentWith, headOf, type Operation } from "../documents";

// What the pane held of each operation, while the page is open.
const given = new Map<Operation, object>();

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

  function fill(operation: Operation, values: object) {
    given.set(operation, values);
    show(operation);
    const variables = JSON.stringify(values, null, 2);
    variableEditor?.setValue(variables);
    // The editor updates the tab a moment later: too late for a history of what is sent at once.
    updateActiveTabValues({ variables });
  }

  return {
    fill,
    async send(operation: Operation) {
      show(operation);
      setOperationName(operation);
      const values = given.get(operation) ?? {};
      const held = parsed(variableEditor?.getValue() ?? "");
      // What was entered by hand in place of these is what counts.
      if (Object.keys(values).some((name) => !(name in held))) fill(operation, values);
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
