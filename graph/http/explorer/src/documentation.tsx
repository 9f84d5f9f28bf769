// In place of GraphiQL's documentation explorer until it is opened: its search brings a library of its own.

import { Spinner } from "@graphiql/react";
import { lazy, Suspense } from "react";

const Opened = lazy(async () => {
  const { DocExplorer } = await import("../node_modules/@graphiql/plugin-doc-explorer/dist/components/doc-explorer.js");
  return { default: DocExplorer };
});

export function DocExplorer() {
  return (
    <Suspense fallback={<Spinner />}>
      <Opened />
    </Suspense>
  );
}
