// The phone beside the explorer, as a visitor uses it.

/** The whole of the status within `place` that has `text` in it, as soon as there is one. */
export const said = async (place, text) => {
  const status = place.getByRole("status").filter({ hasText: text });
  await status.waitFor();
  return status.textContent();
};

/** The phone of one page. */
export function phoneOn(page) {
  const press = (name) => page.getByRole("button", { name, exact: true }).click();
  const step = (name) => page.locator(".phone-steps > li", { hasText: name });
  const outcome = (name, text) => said(step(name), text);
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
  const withdraw = async (label) => {
    await press("Withdraw permission");
    await page.getByRole("menuitem", { name: label }).click();
    return said(page.locator(".phone-user"), "WeChat pushed");
  };
  return { press, step, outcome, signIn, submit, givePhoneNumber, withdraw };
}

/** The editor below the operations, Variables or Headers. */
export const pane = ".graphiql-editor-tool .graphiql-editor:not(.hidden)";
