// The example mini-program on its drawn phone: a user without a WeChat account does all that it offers.
// node example.mjs CHROMIUM URL SCREENSHOTS

import { audit } from "./audit.mjs";
import { withBrowser } from "./browser.mjs";

const USER = "Chen Chen";

await withBrowser(process.argv.slice(2), async (page, { base, shoot }) => {
  const seen = { barriers: [], wide: [], toasts: [] };
  const screen = page.getByRole("region", { name: "Screen of the phone" });
  const viewport = page.locator(".wx-page:not([hidden])");
  const press = (name) => page.getByRole("button", { name, exact: true }).click();
  const link = (name) => viewport.getByRole("link", { name });
  const title = (name) => screen.getByRole("heading", { level: 2, name, exact: true }).waitFor();
  const rest = () => viewport.locator(".busy").waitFor({ state: "detached" });
  const back = () => press("Back");
  const toast = async (text) => {
    await screen.getByRole("status").filter({ hasText: text }).first().waitFor();
    seen.toasts.push(text);
  };
  /** A page or a sheet at both widths and in both schemes: as a picture, and as axe-core sees it. */
  const look = async (name) => {
    await page.locator(".phone-toast").waitFor({ state: "detached" });
    await page.locator("img").evaluateAll((all) => Promise.allSettled(all.map((image) => image.decode())));
    for (const colorScheme of ["light", "dark"]) {
      await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
      for (const width of [1440, 1024, 390]) {
        await page.setViewportSize({ width, height: width === 390 ? 844 : 900 });
        await shoot(`${name}-${width}-${colorScheme}`);
        const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
        if (overflow > 0) seen.wide.push(`${name} at ${width}`);
      }
      seen.barriers.push(...(await audit(page)).map((barrier) => `${name}, ${colorScheme}: ${barrier}`));
    }
  };
  await page.addInitScript(() => {
    window.traffic = [];
    new BroadcastChannel("wxgate-traffic").addEventListener("message", ({ data }) => window.traffic.push(data));
  });

  const answer = await page.goto(`${base}/phone?${new URLSearchParams({ user: USER })}`);
  seen.policy = answer.headers()["content-security-policy"];
  await title("Me");
  await rest();
  await look("home");
  seen.launch = await page.evaluate(() => window.traffic);

  // The privacy agreement comes before the first picture.
  await link("Choose a picture and a name").click();
  await title("Picture and name");
  await rest();
  await look("profile");
  await press("Choose a picture");
  await title("Privacy guidelines");
  await viewport.getByRole("button", { name: "Agree", exact: true }).waitFor();
  await look("privacy");
  await press("Agree");
  const sheet = page.getByRole("dialog");
  await sheet.getByRole("button", { name: "Bob" }).waitFor();
  await look("sheet-picture");
  await sheet.getByRole("button", { name: "Bob" }).click();
  await viewport.locator("img.picture").waitFor();
  await viewport.getByRole("textbox", { name: "Name" }).focus();
  const offer = page.getByRole("button", { name: /^Use WeChat nickname: / });
  await offer.waitFor();
  await look("keyboard");
  seen.nickname = (await offer.textContent()).replace("Use WeChat nickname: ", "");
  await offer.click();
  await press("Save");
  await toast("Saved");
  await back();
  await title("Me");
  seen.name = await viewport.locator(".name").textContent();
  await look("home-with-name");

  await link("My phone number").click();
  await title("My phone number");
  await rest();
  await press("Use my phone number");
  await look("sheet-number");
  await sheet.getByRole("button", { name: "Reject" }).click();
  await toast("Without your permission");
  await press("Use my phone number");
  await sheet.getByRole("button", { name: "Allow" }).click();
  seen.number = await viewport.locator(".number").textContent();
  await rest();
  await look("phone");
  await back();

  // By keyboard, as far as it goes.
  await link("My devices").focus();
  await page.keyboard.press("Enter");
  await title("My devices");
  await rest();
  seen.devices = await viewport.locator(".device").allTextContents();
  await look("devices");
  await page.getByRole("button", { name: "Pull down" }).focus();
  await page.keyboard.press("Enter");
  await rest();
  await back();

  // The older way: asked once, refused, and given back in the settings.
  await press("Use my WeChat name");
  await look("sheet-profile");
  await page.keyboard.press("Escape");
  await press("Open settings");
  await look("sheet-settings");
  await sheet.getByRole("switch").check();
  await sheet.getByRole("button", { name: "Done" }).click();
  await Promise.all([
    page.waitForResponse((response) => response.request().postData()?.includes("SubmitUserInfo")),
    press("Use my WeChat name"),
  ]);
  await rest();

  // Another start goes on with what is kept on the phone.
  await page.reload();
  await rest();
  seen.secondLaunch = await page.evaluate(() => window.traffic.map(({ title }) => title));

  await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
  await link("My data").click();
  await title("My data");
  await rest();
  await press("Copy my data");
  await toast("Copied");
  seen.exported = await page.evaluate(() => navigator.clipboard.readText());
  await look("data");
  await viewport.getByRole("textbox").fill("DELETE");
  await viewport.getByRole("textbox").press("Enter");
  await toast("Deleted");
  await viewport.getByRole("button", { name: "Sign in" }).waitFor();
  await look("home-signed-out");
  seen.stored = await page.evaluate(() => Object.keys(JSON.parse(localStorage.getItem("wxgate:phone:Chen Chen")).storage));

  await page.getByRole("combobox", { name: "User of the phone" }).selectOption("Han Meimei");
  await page.waitForURL(/Han/);
  await rest();
  await press("中文");
  await title("我的");
  await look("home-chinese");
  return seen;
});
