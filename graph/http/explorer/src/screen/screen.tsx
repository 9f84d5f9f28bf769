// The example mini-program on a phone's screen, beside the steps of the panel: where the server has that page.

import type { GraphiQLPlugin } from "@graphiql/react";
import { type KeyboardEvent, useId, useRef, useState } from "react";
import { inLanguage, useLanguage } from "../language";
import { usePhone } from "../phone/state";
import "./screen.css";

// The build knows whether there is such a page.
const address = document.getElementById("explorer")!.dataset.phone;

/** The panel with two tabs: what it was, and the screen. */
export function withScreen(panel: GraphiQLPlugin): GraphiQLPlugin {
  const Steps = panel.content;
  if (!address) return panel;

  function Content() {
    useLanguage();
    const id = useId();
    const bar = useRef<HTMLDivElement>(null);
    const [tab, setTab] = useState<"steps" | "screen">("steps");
    const { user, app } = usePhone();
    const [screen, setScreen] = useState<string | null>(null);
    const names = { steps: inLanguage("Steps", "步骤"), screen: inLanguage("Phone", "手机") };

    // Stays as it is while the steps are in view: the phone of another user would sign them in at once.
    const wanted = `${address}?${new URLSearchParams({ user, ...(app !== null && { app }) })}`;
    if (tab === "screen" && screen !== wanted) setScreen(wanted);

    function move({ key }: KeyboardEvent) {
      if (key !== "ArrowLeft" && key !== "ArrowRight") return;
      setTab(tab === "steps" ? "screen" : "steps");
      bar.current!.querySelector<HTMLElement>("[aria-selected=false]")!.focus();
    }

    return (
      <div className="screen">
        <div role="tablist" aria-label={inLanguage("Steps or phone", "步骤或手机")} ref={bar} onKeyDown={move}>
          {(["steps", "screen"] as const).map((one) => (
            <button
              key={one}
              type="button"
              role="tab"
              id={`${id}-tab-${one}`}
              aria-selected={tab === one}
              aria-controls={`${id}-${one}`}
              tabIndex={tab === one ? 0 : -1}
              onClick={() => setTab(one)}
            >
              {names[one]}
            </button>
          ))}
        </div>
        <div role="tabpanel" id={`${id}-steps`} aria-labelledby={`${id}-tab-steps`} hidden={tab !== "steps"}>
          <Steps />
        </div>
        <div role="tabpanel" id={`${id}-screen`} aria-labelledby={`${id}-tab-screen`} hidden={tab !== "screen"}>
          {/* A new one each time: the browser's history stays as it is. */}
          {screen && <iframe key={screen} src={screen} title={names.screen} />}
        </div>
      </div>
    );
  }

  return { ...panel, content: Content };
}
