// A visitor's first hour with the explorer and its phone: signs in, breaks things, looks around, comes back.
// node tour.mjs CHROMIUM URL SCREENSHOTS

import { openExplorer, ready, textOf, withBrowser } from "./browser.mjs";
import { everythingKept, secretsOf } from "./kept.mjs";
import { pane, phoneOn } from "./phone.mjs";

await withBrowser(process.argv.slice(2), async (page, { base, wire, shoot }) => {
  const secrets = secretsOf(page);
  const seen = { steps: {}, panes: {}, bytes: {} };
  const { press, outcome, signIn, submit, givePhoneNumber } = phoneOn(page);

  await openExplorer(page, base);
  seen.opening = await textOf(page, ".graphiql-query-editor");
  seen.miniPrograms = await page.getByLabel("Mini-program").count();
  await shoot("1-first-visit");

  await signIn();
  seen.steps.login = await outcome("Sign in", "Signed in");
  await submit();
  seen.steps.newPolicy = await outcome("nickname and picture", "微信用户");
  await page.getByLabel("Privacy policy").selectOption("old");
  await page.waitForTimeout(1100); // the server keeps what is newer by WeChat's clock, which counts seconds
  await submit();
  seen.steps.oldPolicy = await outcome("nickname and picture", "Li Lei");
  await press("▶ Me");
  seen.steps.me = await outcome("Who am I?", "You are");
  await page.locator(".graphiql-response .view-line", { hasText: '"me"' }).waitFor();
  seen.panes.response = await textOf(page, ".graphiql-response");
  await shoot("2-signed-in");
  await press("Headers");
  await page.locator(`${pane} .view-line`, { hasText: "Bearer" }).waitFor();
  seen.panes.headers = await textOf(page, pane);
  seen.token = secrets.tokens.at(-1);

  await press("New tab");
  await page.locator(".graphiql-query-editor .view-lines").click();
  await page.keyboard.insertText(`query Typed { __typename } # ${seen.token}\nmutation Again { login(code: "${secrets.codes[0]}") { token } }`);
  await page.locator(".graphiql-tab", { hasText: "Typed" }).waitFor();
  seen.panes.headersOfNewTab = await textOf(page, pane);

  await press("session_key expired");
  await submit();
  seen.steps.expired = await outcome("nickname and picture", "SESSION_KEY_STALE");
  await signIn();
  await outcome("Sign in", "Signed in again");
  await press("code used twice");
  seen.steps.twice = await outcome("Sign in", "LOGIN_CODE_USED");
  await press("break WeChat");
  await page.getByText("WeChat fails.").waitFor();
  await signIn();
  seen.steps.down = await outcome("Sign in", "WECHAT_UNAVAILABLE");
  await shoot("3-wechat-is-down");
  await press("bring WeChat back");
  await page.getByText("WeChat answers again.").waitFor();
  await givePhoneNumber();
  seen.steps.phoneNumber = await outcome("Give the phone number", "Kept");

  await press("New user");
  await page.getByLabel("Name of the new user").fill("王小明");
  await press("Make");
  await page.locator(`${pane} .view-line`, { hasText: "Bearer" }).waitFor({ state: "detached" });
  seen.panes.headersOfNobody = await textOf(page, pane);
  await signIn();
  seen.steps.newPerson = await outcome("Sign in", "for the first time");
  await page.getByLabel("User of the phone").selectOption("Li Lei");
  await press("▶ Me");
  seen.steps.meAgain = await outcome("Who am I?", "You are");
  seen.bytes.firstVisit = wire.bytes;

  await press("Show History");
  seen.history = await page.locator(".graphiql-history-item-label").allTextContents();
  await shoot("4-history");
  await press("Show Documentation Explorer");
  await page.getByRole("link", { name: "Mutation" }).click();
  await page.locator(".graphiql-doc-explorer", { hasText: "submitUserInfo" }).waitFor();
  await shoot("5-documentation");

  const titles = () => page.locator(".graphiql-tab-button").allTextContents();
  await page.waitForFunction(() => localStorage.getItem("graphiql:tabState")?.includes("Typed"));
  seen.kept = await everythingKept(page);
  seen.tabs = await titles();
  await page.emulateMedia({ colorScheme: "dark" });
  const before = wire.bytes;
  await ready(page, () => page.reload());
  seen.tabsAfterReload = await titles();
  await press("Show Phone");
  await press("▶ Me");
  seen.steps.afterReload = await outcome("Who am I?", "no user is signed in");
  seen.bytes.reload = wire.bytes - before;
  seen.keptAfterReload = await everythingKept(page);
  await shoot("6-after-reload-in-the-dark");
  return { ...seen, secrets: secrets.all };
});
