// "Copy as": the operation in view as code, with the token only where that is asked for.

import { pick, ToolbarMenu, UnStyledButton, useGraphiQL, useGraphiQLActions } from "@graphiql/react";
import { useEffect, useState } from "react";
import { endpoint } from "../endpoint";
import { inLanguage, useLanguage } from "../language";
import { type Format, formats, placeholders, writers } from "./formats";
import { holdsToken, sendingOf, withoutToken } from "./sending";
import "./copy.css";

// Monaco's `CursorChangeReason` for what a user does, and not a program.
const EXPLICIT = 3;
// Milliseconds that the outcome is shown.
const SHOWN = 3_000;

export function CopyAs() {
  useLanguage();
  const { queryEditor, variableEditor, headerEditor, operationName } = useGraphiQL(
    pick("queryEditor", "variableEditor", "headerEditor", "operationName"),
  );
  const [outcome, setOutcome] = useState("");
  const [isSignedIn, setSignedIn] = useState(false);
  const headers = () => headerEditor?.getValue() ?? "";
  useEffect(() => {
    const timer = setTimeout(setOutcome, SHOWN, "");
    return () => clearTimeout(timer);
  }, [outcome]);

  async function copy(format: Format, isTokenMeant: boolean) {
    try {
      const query = queryEditor?.getValue() ?? "";
      const variables = variableEditor?.getValue() ?? "";
      const whole = sendingOf({ query, operationName, variables, headers: headers() });
      const sending = isTokenMeant ? whole : withoutToken(whole, placeholders[format]);
      await navigator.clipboard.writeText(writers[format](endpoint.href, sending));
      const name = sending.operationName ?? "";
      setOutcome(inLanguage(`Copied: ${name} as ${format}.`, `已复制：${name} → ${format}。`));
    } catch (error) {
      setOutcome(inLanguage("Not copied: ", "未能复制：") + (error as Error).message);
    }
  }

  const label = inLanguage("Copy as code", "复制为代码");
  const button = (
    <UnStyledButton type="button" className="graphiql-toolbar-button" aria-label={label} title={label}>
      <CodeIcon />
    </UnStyledButton>
  );
  return (
    <>
      <ToolbarMenu button={button} onOpenChange={() => setSignedIn(holdsToken(headers()))}>
        {formats.map((format) => (
          <ToolbarMenu.Item key={format} onSelect={() => copy(format, false)}>
            {format}
          </ToolbarMenu.Item>
        ))}
        {isSignedIn &&
          formats.map((format) => (
            <ToolbarMenu.Item key={format} onSelect={() => copy(format, true)}>
              {inLanguage(`${format}, with my token`, `${format}（含我的令牌）`)}
            </ToolbarMenu.Item>
          ))}
      </ToolbarMenu>
      <div role="status" className="copy-outcome">
        {outcome}
      </div>
    </>
  );
}

/** Makes the operation in which the user puts the cursor the one that is in view, until another is sent. */
export function OperationAtCursor() {
  const { queryEditor, operations } = useGraphiQL(pick("queryEditor", "operations"));
  const { setOperationName } = useGraphiQLActions();
  useEffect(() => {
    const subscription = queryEditor?.onDidChangeCursorPosition(({ position, reason }) => {
      const offset = queryEditor.getModel()!.getOffsetAt(position);
      const found = operations?.find(({ loc }) => loc && loc.start <= offset && offset <= loc.end)?.name?.value;
      if (reason === EXPLICIT && found) setOperationName(found);
    });
    return () => subscription?.dispose();
  }, [queryEditor, operations, setOperationName]);
  return null;
}

function CodeIcon() {
  return (
    <svg
      className="graphiql-toolbar-icon"
      aria-hidden="true"
      viewBox="0 0 20 20"
      fill="none"
      stroke="currentColor"
      strokeWidth="1.5"
    >
      <path d="m6.5 5-5 5 5 5m7-10 5 5-5 5M11.5 3l-3 14" strokeLinecap="round" strokeLinejoin="round" />
    </svg>
  );
}
