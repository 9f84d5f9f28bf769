// An operation in a document: which one is sent, and with which variables.

import { type DocumentNode, Kind, type OperationDefinitionNode, parse } from "graphql";

/** The operation of that name, or else the first. */
export function chosenOperation(document: DocumentNode, name?: string | null): OperationDefinitionNode | undefined {
  const operations = document.definitions.filter((one) => one.kind === Kind.OPERATION_DEFINITION);
  return operations.find((one) => one.name?.value === name) ?? operations[0];
}

/** Only what the operation asks for: the pane may still hold a code when another operation is run. */
export function declared(
  query: string,
  operationName?: string | null,
  variables: Record<string, unknown> = {},
): Record<string, unknown> {
  try {
    const names = chosenOperation(parse(query), operationName)?.variableDefinitions ?? [];
    return Object.fromEntries(
      names.flatMap(({ variable: { name } }) => (name.value in variables ? [[name.value, variables[name.value]]] : [])),
    );
  } catch {
    return variables;
  }
}
