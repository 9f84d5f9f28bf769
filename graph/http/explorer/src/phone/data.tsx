// What the law gives users: all that is kept of them as a document, and the deletion of it.

import { useOperations } from "./operations";
import { wechat } from "./simulator";
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
    <section aria-label="Forget me">
      <h3>Forget me</h3>
      <p>Each of these calls wx.login first: a fresh code proves that the user is there.</p>
      <div className="phone-acts">
        <Send operation="ExportMe" onClick={() => sendWithCode("ExportMe")} />
        <Send operation="DeleteMe" onClick={() => sendWithCode("DeleteMe")} />
      </div>
      {outcomes.data && <OutcomeLine {...outcomes.data} />}
      {exported !== null && (
        <details>
          <summary>What the server keeps</summary>
          <pre>{JSON.stringify(JSON.parse(exported), null, 2)}</pre>
        </details>
      )}
    </section>
  );
}
