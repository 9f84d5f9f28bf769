// Variables are checked against all operations of a document together: the one that is sent needs but its own.

import { useMonaco } from "@graphiql/react";
import { useEffect } from "react";

interface Schema {
  required?: string[];
}

/** Of the variables of a document none is required: which operation will be sent, and lacks one, the server says. */
export function OptionalVariables() {
  const monaco = useMonaco((state) => state.monaco);
  useEffect(() => {
    if (!monaco) return;
    const { jsonDefaults } = monaco.languages.json;
    const loosen = () => {
      const { schemas = [], ...options } = jsonDefaults.diagnosticsOptions;
      if (!schemas.some(({ schema }) => isStrict(schema))) return;
      const loose = schemas.map((one) => ({ ...one, schema: { ...one.schema, required: [] } }));
      jsonDefaults.setDiagnosticsOptions({ ...options, schemas: loose });
    };
    loosen();
    // GraphiQL's worker derives the schema anew from each change of the document.
    const subscription = jsonDefaults.onDidChange(loosen);
    return () => subscription.dispose();
  }, [monaco]);
  return null;
}

const isStrict = (schema?: Schema) => Boolean(schema?.required?.length);
