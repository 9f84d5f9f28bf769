// The pages of `wxgate dev` and of its simulator, at three widths, light and dark, in both languages.
// node home.mjs CHROMIUM URL SCREENSHOTS

import { audit } from "./audit.mjs";
import { inEachLook, withBrowser } from "./browser.mjs";

await withBrowser(process.argv.slice(2), async (page, { base, shoot }) => {
  const seen = { violations: [], wider: [] };
  for (const [name, path] of [["home", "/"], ["simulator", "/simulator/"]]) {
    for (const language of ["en", "zh"]) {
      await page.goto(`${base}${path}?lang=${language}`);
      await inEachLook(page, async (width, colorScheme) => {
        await shoot(`${name}-${language}-${width}-${colorScheme}`);
        seen.violations.push(...(await audit(page)).map((violation) => `${name}: ${violation}`));
        if (await page.evaluate(() => document.documentElement.scrollWidth > innerWidth)) seen.wider.push(name, width);
      });
    }
  }
  await page.goto(`${base}/?lang=zh`);
  seen.icon = await page.locator("header img").evaluate((icon) => icon.naturalWidth);
  await page.getByRole("link", { name: "English" }).click();
  await page.getByRole("link", { name: "Explorer" }).click();
  await page.locator(".graphiql-query-editor").waitFor();
  seen.explorer = page.url().replace(base, "");
  return seen;
});
