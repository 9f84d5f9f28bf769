// One user in two mini-programs and two tabs: signs in, sees the other devices, ends them.
// node devices.mjs CHROMIUM URL SCREENSHOTS

import { openExplorer, textOf, withBrowser } from "./browser.mjs";
import { pane, phoneOn, said } from "./phone.mjs";

await withBrowser(process.argv.slice(2), async (first, { base, shoot }) => {
  const seen = { logins: [], headers: {}, outcomes: {}, devices: {} };
  first.context().on("response", async (response) => {
    const { operationName } = response.request().postDataJSON() ?? {};
    if (operationName !== "Login") return;
    const { "x-wxgate-app": app, "x-wxgate-device": device } = response.request().headers();
    const { data } = await response.json();
    seen.logins.push({ app, device, userId: data?.login.user.id ?? null });
  });
  const devicesOf = (page) => page.getByRole("region", { name: "Devices" });
  /** The devices, as soon as there are so many. */
  const listed = async (page, count) => {
    const rows = devicesOf(page).getByRole("listitem");
    await page.waitForFunction((count) => document.querySelectorAll(".phone-devices > li").length === count, count);
    return rows.evaluateAll((all) =>
      all.map((row) => ({
        name: row.querySelector("strong").textContent,
        isCurrent: row.querySelector("em") !== null,
        app: row.querySelector("small").textContent.split(" ").at(-1),
      })),
    );
  };
  const outcome = (page, text) => said(devicesOf(page), text);
  const headersWithout = async (page, text) => {
    await page.locator(`${pane} .view-line`, { hasText: text }).waitFor({ state: "detached" });
    return textOf(page, pane);
  };
  // A headless browser takes every page for focused.
  const comeBackTo = (page) => page.evaluate(() => dispatchEvent(new Event("focus")));

  const one = phoneOn(first);
  await openExplorer(first, base);
  const select = first.getByLabel("Mini-program");
  await select.waitFor();
  seen.apps = await select.locator("option").allTextContents();
  await one.press("Headers");
  await first.locator(`${pane} .view-line`, { hasText: "X-Wxgate-App" }).waitFor();
  seen.headers.first = await textOf(first, pane);

  await one.signIn();
  await one.outcome("Sign in", "Signed in");
  await listed(first, 1);
  seen.headers.signedIn = await textOf(first, pane);
  await select.selectOption({ index: 1 });
  seen.headers.inSecondApp = await headersWithout(first, "Bearer");
  await one.signIn();
  await one.outcome("Sign in", "Signed in");
  await one.submit();
  await one.outcome("nickname and picture", "Proved");
  await listed(first, 2);
  await select.selectOption({ index: 0 });
  await first.locator(`${pane} .view-line`, { hasText: "Bearer" }).waitFor();
  seen.headers.backInFirstApp = await textOf(first, pane);
  await one.press("▶ Me");
  await one.outcome("Who am I?", "You");
  await shoot("1-two-mini-programs");

  const second = await first.context().newPage();
  await second.setViewportSize({ width: 1400, height: 900 });
  const two = phoneOn(second);
  await openExplorer(second, base);
  await two.press("Headers");
  await two.signIn();
  seen.devices.ofSecondTab = await listed(second, 3);
  await comeBackTo(first);
  seen.devices.ofFirstTab = await listed(first, 3);
  await devicesOf(first).scrollIntoViewIfNeeded();
  await shoot("2-devices");
  for (const width of [1024, 390]) {
    await first.setViewportSize({ width, height: 844 });
    await select.scrollIntoViewIfNeeded();
    await shoot(`3-mini-program-at-${width}`);
    await devicesOf(first).getByText("End all others").scrollIntoViewIfNeeded();
    await shoot(`4-devices-at-${width}`);
  }
  await first.setViewportSize({ width: 1400, height: 900 });

  await one.press("End Explorer 2");
  seen.outcomes.ended = await outcome(first, "ended");
  await listed(first, 2);
  seen.focused = await first.evaluate(() => document.activeElement?.textContent);
  await comeBackTo(second);
  seen.outcomes.endedElsewhere = await outcome(second, "ended");
  seen.headers.endedElsewhere = await headersWithout(second, "Bearer");
  seen.doneWithoutToken = await second.locator(".phone-done").count();
  await shoot("5-ended-elsewhere", second);

  await two.signIn();
  await listed(second, 3);
  await two.press("End all others");
  seen.outcomes.others = await outcome(second, "besides");
  seen.devices.afterEndingOthers = await listed(second, 1);
  await comeBackTo(first);
  seen.headers.endedWithOthers = await headersWithout(first, "Bearer");
  await two.press("Sign out");
  seen.outcomes.signedOut = await outcome(second, "Signed out");
  seen.headers.signedOut = await headersWithout(second, "Bearer");
  seen.devices.signedOut = await listed(second, 0);
  await shoot("6-signed-out", second);

  await second.locator(".graphiql-tab-button", { hasText: "Login" }).click();
  await second.locator(`${pane} .view-lines`).click();
  await second.keyboard.press("ControlOrMeta+A");
  await second.keyboard.press("Delete");
  await second.keyboard.insertText('{ "X-Wxgate-App": "wx0000000000000000" }');
  await second.getByLabel("Mini-program").selectOption({ index: 1 });
  await two.signIn();
  seen.outcomes.byHand = await two.outcome("Sign in", "APP_UNKNOWN");

  await second.getByLabel("User of the phone").selectOption("Han Meimei");
  const signedIn = second.waitForResponse((response) => response.request().postData()?.includes("mutation Login("));
  await second.getByRole("tab", { name: "Phone", exact: true }).click();
  const login = await signedIn;
  seen.screen = {
    app: login.request().headers()["x-wxgate-app"],
    answer: await login.json(),
    user: await second.frameLocator("iframe").getByLabel("User of the phone").inputValue(),
    kept: await second.evaluate(() => Object.keys(localStorage).filter((key) => key.startsWith("wxgate:phone:"))),
  };
  await second.frameLocator("iframe").locator(".busy").waitFor({ state: "detached" });
  await shoot("7-on-the-screen", second);
  return seen;
});
