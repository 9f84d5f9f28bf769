// In place of a response, until there is one: what to do to get it.

import { useGraphiQL } from "@graphiql/react";
import { useEffect, useState } from "react";
import { inLanguage, useLanguage } from "./language";

export function NoResponse() {
  useLanguage();
  const editor = useGraphiQL((state) => state.responseEditor);
  const isFetching = useGraphiQL((state) => state.isFetching);
  const [isEmpty, setEmpty] = useState(true);
  useEffect(() => {
    if (!editor) return;
    const look = () => setEmpty(editor.getValue() === "");
    look();
    const subscription = editor.onDidChangeModelContent(look);
    return () => subscription.dispose();
  }, [editor]);
  if (!isEmpty || isFetching) return null;
  return (
    <div className="no-response">
      <p>{inLanguage("No response yet", "还没有响应")}</p>
      <p>
        {inLanguage("Press ", "点击 ")}
        <kbd>▶</kbd>
        {inLanguage(", or ", "，或在某个操作中按 ")}
        <kbd>Ctrl</kbd> <kbd>Enter</kbd>
        {inLanguage(" in an operation: what the server answers is shown here.", "，服务器的响应会显示在这里。")}
      </p>
    </div>
  );
}
