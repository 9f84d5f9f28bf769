// What stands around the editors: an empty response, the sequence, an operation as code, and a mini-program's screen.
// node views.mjs CHROMIUM URL SCREENSHOTS

import { audit } from "./audit.mjs";
import { inEachLook, openExplorer, WIDTHS, withBrowser } from "./browser.mjs";
import { phoneOn } from "./phone.mjs";

await withBrowser(process.argv.slice(2), async (page, { base, shoot }) => {
  const seen = { base, copied: {}, violations: {}, parts: {}, scrolled: {} };
  const { press, outcome, signIn, submit, givePhoneNumber, step, withdraw } = phoneOn(page);
  const sequence = page.getByRole("region", { name: "Sequence" });
  const arrows = () => sequence.locator(".sequence-arrow").evaluateAll((all) => all.map((one) => one.ariaLabel));
  const arrow = (label) => sequence.locator(".sequence-arrow", { hasText: label });

  async function album(name) {
    await inEachLook(page, async (width, colorScheme) => {
      await sequence.scrollIntoViewIfNeeded();
      seen.scrolled[`${name}-${width}`] = await page.evaluate(scrollable);
      await shoot(`${name}-${width}-${colorScheme}`);
      seen.violations[`${name}-${width}-${colorScheme}`] = await audit(page);
    });
  }

  /** What is drawn when the journal is first no JSON, as a proxy's page, and then begins anew. */
  async function restarted() {
    const asked = [];
    await page.route("**/device/calls?after=*", async (route) => {
      asked.push(new URL(route.request().url()).searchParams.get("after"));
      if (asked.length === 1) return route.fulfill({ contentType: "text/html", body: "<h1>Starting</h1>" });
      const { calls } = await (await route.fetch({ url: `${base}/simulator/device/calls?after=0` })).json();
      const [call] = calls;
      return route.fulfill({ json: { calls: asked.at(-1) === "0" ? [{ ...call, id: 1 }] : [], last: 1 } });
    });
    const comeBack = () => page.evaluate(() => dispatchEvent(new Event("focus")));
    const answered = page.waitForResponse(/device\/calls/);
    await comeBack();
    await (await answered).finished();
    await comeBack();
    await sequence.locator(".sequence-arrow").first().waitFor();
    await page.unroute("**/device/calls?after=*");
    return { asked: asked.slice(2), drawn: await arrows() };
  }

  await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
  await page.setViewportSize({ width: WIDTHS[0], height: 900 });
  await openExplorer(page, base);
  for (const part of ["plugin", "editors", "response"]) {
    seen.parts[part] = (await page.locator(`.graphiql-${part}`).boundingBox()).width;
  }
  const emptiness = page.locator(".no-response");
  seen.empty = await emptiness.innerText();
  await album("empty");

  seen.tabs = await page.getByRole("tablist", { name: "Steps or phone" }).getByRole("tab").allTextContents();
  await page.getByRole("tab", { name: "Steps" }).focus();
  await page.keyboard.press("ArrowRight");
  await arrow("Me").waitFor();
  await arrow("jscode2session").waitFor();
  seen.screen = await page.frameLocator('iframe[title="Phone"]').locator("body").innerText();
  seen.fromScreen = await arrows();
  await album("screen");
  await page.getByRole("tab", { name: "Steps" }).click();
  seen.stepsAgain = await step("Sign in").isVisible();
  await press("Clear");

  await signIn();
  await outcome("Sign in", "Signed in");
  await arrow("jscode2session").waitFor();
  seen.emptyAfterResponse = await emptiness.count();
  seen.login = await arrows();
  await arrow("jscode2session").click();
  seen.asked = await sequence.locator("pre:visible").innerText();
  await arrow("jscode2session").click();
  seen.folded = await sequence.locator("pre:visible").count();
  await submit();
  await outcome("nickname and picture", "微信用户");
  await givePhoneNumber();
  await outcome("Give the phone number", "Kept");
  await arrow("getuserphonenumber").waitFor();
  await press("code used twice");
  await arrow("LOGIN_CODE_USED").waitFor();
  await withdraw("Revoke phone number");
  await arrow("user_authorization_revoke").waitFor();
  seen.all = await arrows();
  await arrow("SubmitUserInfo").click();
  await album("sequence");

  let copied = "";
  const copy = async (name) => {
    await press("Copy as code");
    seen.items = await page.getByRole("menuitem").allTextContents();
    await page.getByRole("menuitem", { name, exact: true }).click();
    await page.getByRole("status").filter({ hasText: "Copied: " }).waitFor();
    await page.waitForFunction(async (before) => (await navigator.clipboard.readText()) !== before, copied);
    return (copied = await page.evaluate(() => navigator.clipboard.readText()));
  };
  await press("▶ Me");
  await outcome("Who am I?", "You ");
  for (const language of ["wx.request", "curl", "fetch"]) {
    seen.copied[language] = await copy(language);
    seen.copied[`${language}, with my token`] = await copy(`${language}, with my token`);
  }
  await shoot("copied-1440-light");
  await page.locator(".graphiql-query-editor .view-line", { hasText: "query Me" }).click();
  for (let line = 0; line < 6; line++) await page.keyboard.press("ArrowUp");
  seen.copied.atCursor = await copy("curl");

  await press("Clear");
  seen.cleared = await arrows();
  seen.afterRestart = await restarted();
  await press("Sequence");
  seen.closed = await sequence.locator(".sequence-lanes").count();
  await press("中文");
  seen.chinese = await page.getByRole("region", { name: "时序图" }).innerText();
  seen.chineseScreen = await page.frameLocator("iframe").locator("html:lang(zh) h2", { hasText: "我的" }).textContent();
  return seen;
});

/** In which directions the page is larger than the window. */
function scrollable() {
  const { scrollWidth, scrollHeight } = document.documentElement;
  return [scrollWidth > innerWidth && "x", scrollHeight > innerHeight && "y"].filter(Boolean).join("");
}
