// How each step and each fault looks, at three widths, light and dark; what axe-core finds; a sign-in by keyboard alone.
// node looks.mjs CHROMIUM URL SCREENSHOTS

import { audit } from "./audit.mjs";
import { inEachLook, openExplorer, textOf, WIDTHS, withBrowser } from "./browser.mjs";
import { faintTexts } from "./contrast.mjs";
import { pane, phoneOn } from "./phone.mjs";

await withBrowser(process.argv.slice(2), async (page, { base, shoot }) => {
  const seen = { keyboard: {}, violations: {}, sticksOut: {}, faint: {}, outcomes: {} };
  Object.assign(seen, { squiggles: {}, failures: {}, inView: {}, columns: {}, scrolled: 0 });
  const { press, step, outcome, submit, givePhoneNumber } = phoneOn(page);
  const faults = page.getByRole("region", { name: "Make it go wrong" });
  const squiggle = page.locator(`${pane} :is(.squiggly-error, .squiggly-warning)`);

  /** Pictures of a place as it is now; `isAudited` asks axe-core as well. */
  async function album(name, place, { isAudited = false } = {}) {
    await inEachLook(page, async (width, colorScheme) => {
      await place.scrollIntoViewIfNeeded();
      await drawn(page);
      await shoot(`${name}-${width}-${colorScheme}`);
      seen.sticksOut[`${name}-${width}`] = await place.evaluate(stickingOut);
      seen.columns[width] = await page.evaluate(isColumn);
      if (!seen.columns[width]) seen.scrolled += await page.evaluate(() => scrollY);
      if (isAudited) seen.violations[`${name}-${width}-${colorScheme}`] = await audit(page);
    });
  }

  await page.setViewportSize({ width: WIDTHS[0], height: 900 });
  await openExplorer(page, base);
  seen.disabled = await faults.locator("button:disabled").allTextContents();
  await album("opening", step("Sign in"), { isAudited: true });

  seen.keyboard.outlines = await tabTo(page, "wx.login");
  await page.keyboard.press("Enter");
  await step("Sign in").getByText("The code is in Variables.").waitFor();
  seen.keyboard.outlines.push(...(await tabTo(page, "▶ Login")));
  await page.keyboard.press("Enter");
  seen.keyboard.outcome = await outcome("Sign in", "Signed in");
  await album("step-1", step("Sign in"), { isAudited: true });

  // A name that no operation has is the proof that this pane is checked at all.
  await page.locator(`${pane} .view-lines`).click();
  await page.keyboard.press("Control+a");
  await page.keyboard.insertText('{ "cod": "" }');
  await squiggle.first().waitFor();
  seen.squiggles.wrong = (await squiggle.count()) > 0;
  await submit();
  seen.outcomes.placeholder = await outcome("nickname and picture", "微信用户");
  await squiggle.first().waitFor({ state: "detached" });
  seen.squiggles.right = (await squiggle.count()) > 0;
  await album("step-2-placeholder", step("nickname and picture"));
  await page.getByLabel("Privacy policy").selectOption("old");
  await page.waitForTimeout(1100); // the server keeps what is newer by WeChat's clock, which counts seconds
  await submit();
  seen.outcomes.real = await outcome("nickname and picture", "Li Lei");
  await page.getByLabel("Privacy policy").selectOption("new");
  await submit();
  seen.outcomes.notKept = await outcome("nickname and picture", "not kept");
  await album("step-2-not-kept", step("nickname and picture"), { isAudited: true });
  await press("▶ Me");
  await outcome("Who am I?", "You are");
  await album("step-3", step("Who am I?"));
  await givePhoneNumber();
  await outcome("Give the phone number", "Kept");
  await album("step-4", step("Give the phone number"));
  await step("Fill in name").getByLabel("Nickname").fill("小红");
  await press("▶ UpdateProfile");
  await outcome("Fill in name", "Kept");
  seen.inView.saved = await isInView(step("Fill in name").getByRole("status").first());
  await album("step-5", step("Fill in name"), { isAudited: true });

  for (const [name, label, pattern] of [
    ["twice", "code used twice", "LOGIN_CODE_USED"],
    ["expired", "session_key expired", "new session_key"],
    ["confused", "use the wx.login code", "PHONE_CODE_INVALID"],
    ["tapped-twice", "tap twice", "second time"],
  ]) {
    await press(label);
    const answer = faults.getByRole("status").filter({ hasText: pattern });
    await answer.waitFor();
    seen.outcomes[name] = await answer.textContent();
    seen.inView[name] = await isInView(answer);
    seen.variables ??= await textOf(page, pane);
    await album(`fault-${name}`, faults);
  }
  const failures = faults.getByLabel("WeChat");
  seen.offered = await failures.locator("option").evaluateAll((all) => all.map(({ value }) => value));
  for (const kind of seen.offered) {
    await failures.selectOption(kind);
    await press("break WeChat");
    await page.getByRole("button", { name: "bring WeChat back" }).waitFor();
    await press("wx.login");
    await press("▶ Login");
    seen.failures[kind] = await outcome("Sign in", /WECHAT|Signed in|[A-Z]+_[A-Z]+:/);
    await album(`failure-${kind}`, step("Sign in"));
    if (kind === "errcode") await album("failures", faults, { isAudited: true });
    await press("bring WeChat back");
    await page.getByText("WeChat answers again.").waitFor();
  }
  await album("devices", page.getByRole("region", { name: "Devices" }));

  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme });
    seen.faint[colorScheme] = await faintTexts(page);
  }
  await press("中文");
  seen.chinese = await page.locator(".phone").innerText();
  seen.language = await page.evaluate(() => document.documentElement.lang);
  await album("chinese", page.locator(".phone-steps > li").first(), { isAudited: true });
  await page.reload();
  await page.locator(".phone").waitFor();
  seen.chineseAfterReload = await page.locator(".phone h2").textContent();
  seen.languageAfterReload = await page.evaluate(() => document.documentElement.lang);
  return seen;
});

/** Presses Tab until the focus is there; how it was shown on the way. */
async function tabTo(page, name) {
  const outlines = [];
  while (outlines.length < 60) {
    await page.keyboard.press("Tab");
    const [text, outline] = await page.evaluate(() => {
      const { outlineStyle, outlineWidth } = getComputedStyle(document.activeElement);
      return [document.activeElement.textContent, `${outlineStyle} ${outlineWidth}`];
    });
    outlines.push(outline);
    if (text === name) return outlines;
  }
  throw new Error(`Tab never came to ${name}.`);
}

function isInView(place) {
  return place.evaluate((element) => {
    const { top, bottom } = element.getBoundingClientRect();
    return top >= 0 && bottom <= innerHeight;
  });
}

/** Until Monaco has followed a change of size and colour. */
async function drawn(page) {
  await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
}

function isColumn() {
  const [panel, editors] = [".graphiql-plugin", ".graphiql-editors"].map((part) => document.querySelector(part));
  return editors.getBoundingClientRect().top >= panel.getBoundingClientRect().bottom;
}

/** What within the panel, or beside it, is wider than its place. */
function stickingOut() {
  const panel = document.querySelector(".phone");
  const { left, right } = panel.closest(".graphiql-plugin").getBoundingClientRect();
  const wide = [...panel.querySelectorAll("*:not(option)")].filter((element) => {
    const card = (element.parentElement.closest("li, section, header") ?? panel).getBoundingClientRect();
    const box = element.getBoundingClientRect();
    return box.right > Math.min(card.right, right, innerWidth) + 1 || box.left < Math.max(card.left, left, 0) - 1;
  });
  const page = document.documentElement.scrollWidth > innerWidth ? ["page"] : [];
  return [...page, ...wide.map(({ tagName, className }) => `${tagName} ${className}`)];
}
