// What the law gives users: all that is kept of them as a document, and the deletion of it.

import { inLanguage } from "../language";
import { wechat } from "../simulator";
import { useOperations } from "./operations";
import { attempt, usePhone } from "./state";
import { OutcomeLine, Send } from "./step";

export function ForgetMe() {
  const { user, app, exported, outcomes } = usePhone();
  const { fill, send } = useOperations();

  const sendWithCode = (operation: "ExportMe" | "DeleteMe") =>
    attempt("data", async () => {
      const { code } = await wechat.login({ user, app });
      fill(operation, { loginCode: code });
      await send(operation);
    });

  return (
    <section aria-label={inLanguage("Forget me", "忘记我")}>
      <h3>{inLanguage("Forget me", "忘记我")}</h3>
      <p>
        {inLanguage(
          "Each of these calls wx.login first: a fresh code proves that the user is there.",
          "两者都会先调用 wx.login：新的 code 证明用户本人在场。",
        )}
      </p>
      <div className="phone-acts">
        <Send operation="ExportMe" onClick={() => sendWithCode("ExportMe")} />
        <Send operation="DeleteMe" onClick={() => sendWithCode("DeleteMe")} />
      </div>
      <OutcomeLine outcome={outcomes.data} />
      {exported !== null && (
        <details>
          <summary>{inLanguage("What the server keeps", "服务器保存的数据")}</summary>
          <pre>{JSON.stringify(JSON.parse(exported), null, 2)}</pre>
        </details>
      )}
    </section>
  );
}
