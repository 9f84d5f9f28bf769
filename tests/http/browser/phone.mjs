// The phone beside the explorer, as a visitor uses it.

/** The phone of one page. */
export function phoneOn(page) {
  const press = (name) => page.getByRole("button", { name, exact: true }).click();
  const step = (name) => page.locator(".phone-steps > li", { hasText: name });
  const outcome = async (name, pattern) => {
    const said = step(name).getByRole("status").filter({ hasText: pattern });
    await said.waitFor();
    return said.textContent();
  };
  const signIn = async () => {
    await press("wx.login");
    await step("Sign in").getByText("The code is in Variables.").waitFor();
    await press("▶ Login");
  };
  const submit = async () => {
    await press("wx.getUserInfo");
    await step("nickname and picture").getByText("All four are in Variables.").waitFor();
    await press("▶ SubmitUserInfo");
  };
  const givePhoneNumber = async () => {
    await press("getPhoneNumber");
    await step("Give the phone number").getByText("The code is in Variables.").waitFor();
    await press("▶ SubmitPhoneNumber");
  };
  return { press, step, outcome, signIn, submit, givePhoneNumber };
}

/** The editor below the operations, Variables or Headers. */
export const pane = ".graphiql-editor-tool .graphiql-editor:not(.hidden)";
