// A user gives a phone number, takes back what they gave in every way there is, and is forgotten.
// node data.mjs CHROMIUM URL SCREENSHOTS

import { openExplorer, textOf, withBrowser } from "./browser.mjs";
import { everythingKept, secretsOf } from "./kept.mjs";
import { pane, phoneOn, said } from "./phone.mjs";

await withBrowser(process.argv.slice(2), async (page, { base, shoot }) => {
  const secrets = secretsOf(page);
  const seen = { phone: {}, withdrawn: {}, data: {}, panes: {}, logins: [], tapped: [] };
  page.on("response", async (response) => {
    const { operationName, variables } = response.request().postDataJSON() ?? {};
    if (operationName === "SubmitPhoneNumber") {
      seen.tapped.push({ code: variables.code, body: await response.json() });
    }
    if (operationName !== "Login") return;
    const { data } = await response.json();
    seen.logins.push({ userId: data.login.user.id, isNewUser: data.login.isNewUser });
  });
  const { press, step, outcome, signIn, submit, givePhoneNumber, withdraw } = phoneOn(page);
  const region = (name) => page.getByRole("region", { name });
  const number = (pattern) => outcome("Give the phone number", pattern);
  /** The pane, once it holds the token or has lost it. */
  const headers = async (state) => {
    await page.locator(`${pane} .view-line`, { hasText: "Bearer" }).waitFor({ state });
    return textOf(page, pane);
  };
  await page.setViewportSize({ width: 1440, height: 900 });
  await openExplorer(page, base);

  await signIn();
  await outcome("Sign in", "Signed in");
  await submit();
  await outcome("nickname and picture", "Proved");
  await givePhoneNumber();
  seen.phone.byCode = await number("Kept");
  seen.panes.code = await textOf(page, pane);
  await step("Give the phone number").scrollIntoViewIfNeeded();
  await shoot("1-phone-number");
  await press("tap twice");
  seen.phone.twice = await said(region("Make it go wrong"), "second time");
  await press("use the wx.login code");
  seen.phone.loginCode = await number("PHONE_CODE_INVALID");
  await region("Make it go wrong").scrollIntoViewIfNeeded();
  await shoot("2-the-wrong-code");
  await press("▶ RemovePhoneNumber");
  seen.phone.removed = await number("no number");
  seen.phone.isDoneWithout = await step("Give the phone number").evaluate(({ className }) => className);

  await page.getByLabel("Old base library").check();
  await press("getPhoneNumber");
  await step("Give the phone number").getByText("Both are in Variables.").waitFor();
  await press("▶ SubmitEncryptedPhoneNumber");
  seen.phone.encrypted = await number("Kept");
  seen.panes.encrypted = await textOf(page, pane);

  seen.withdrawn.phone = await withdraw("Revoke phone number");
  await outcome("Who am I?", "You");
  await page.locator(".phone-user").scrollIntoViewIfNeeded();
  await shoot("3-phone-withdrawn");
  seen.withdrawn.phoneAgain = await withdraw("Revoke phone number");
  seen.withdrawn.profile = await withdraw("Revoke nickname and picture");
  await submit();
  await outcome("nickname and picture", "Proved");
  await page.getByRole("button", { name: "Withdraw permission" }).focus();
  await page.keyboard.press("Enter");
  for (const label of [
    "Revoke phone number",
    "Revoke nickname and picture",
    "Revoke typed nickname",
    "Revoke chosen picture",
  ]) {
    await page.locator(":focus", { hasText: label }).waitFor();
    await page.keyboard.press("ArrowDown");
  }
  await page.locator(":focus", { hasText: "Change WeChat profile" }).waitFor();
  await shoot("4-menu");
  await page.keyboard.press("Enter");
  seen.withdrawn.changed = await said(page.locator(".phone-user"), "user_info_modified");
  seen.focused = await page.evaluate(() => document.activeElement?.textContent);
  seen.reached = await tabbed(page);

  await page.getByLabel("Old base library").uncheck();
  await givePhoneNumber();
  await number("Kept");
  await press("▶ ExportMe");
  seen.data.exported = await said(region("Forget me"), "document");
  await page.getByText("What the server keeps", { exact: true }).click();
  seen.data.document = JSON.parse(await page.locator(".phone pre").textContent());
  await region("Forget me").scrollIntoViewIfNeeded();
  await shoot("5-exported");
  seen.kept = await everythingKept(page);
  await press("Headers");
  await headers("visible");
  await press("▶ DeleteMe");
  seen.data.deleted = await said(region("Forget me"), "gone");
  seen.panes.deleted = await headers("detached");
  seen.data.done = await page.locator(".phone-done").count();
  await shoot("6-forgotten");
  seen.data.devices = await region("Devices").locator(".phone-outcome").count();
  await signIn();
  seen.data.nextLogin = await outcome("Sign in", "Signed in");
  await headers("visible");

  seen.withdrawn.account = await withdraw("Close WeChat account");
  seen.panes.closed = await headers("detached");
  await page.locator(".phone-user").scrollIntoViewIfNeeded();
  await shoot("7-account-closed");
  seen.withdrawn.signedOut = await withdraw("Revoke phone number");
  await signIn();
  seen.withdrawn.nextLogin = await outcome("Sign in", "Signed in");
  for (const width of [1024, 390]) {
    await page.setViewportSize({ width, height: 844 });
    for (const [name, place] of [["user", ".phone-user"], ["number", ".phone-steps > li:nth-child(4)"]]) {
      await page.locator(place).scrollIntoViewIfNeeded();
      await shoot(`8-${name}-at-${width}`);
    }
  }
  seen.keptAtTheEnd = await everythingKept(page);
  return { ...seen, secrets: secrets.all };
});

/** What the key Tab reaches in the panel from its first control on, and what it should reach. */
async function tabbed(page) {
  await page.locator(".phone :is(button, input, select)").first().focus();
  const found = [];
  for (;;) {
    const name = await page.evaluate(() => {
      const control = document.activeElement;
      const name = control?.ariaLabel ?? control?.labels?.[0]?.textContent ?? control?.textContent;
      return control?.closest(".phone") ? name : null;
    });
    if (name === null || found.length > 60) break;
    found.push(name);
    await page.keyboard.press("Tab");
  }
  const all = await page.locator(".phone :is(button, input, select, summary):enabled").count();
  return { found, all };
}
