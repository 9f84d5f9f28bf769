// A glance at the explorer wherever it is served: it opens, knows the schema, and runs an operation.
// node glance.mjs CHROMIUM URL SCREENSHOTS

import { openExplorer, textOf, withBrowser } from "./browser.mjs";

await withBrowser(process.argv.slice(2), async (page, { base, shoot }) => {
  await openExplorer(page, base);
  await page.getByRole("button", { name: "Execute query" }).click();
  await page.getByRole("menuitem", { name: "Me", exact: true }).click();
  const answer = page.locator(".graphiql-response .view-line", { hasText: '"me"' });
  await answer.waitFor();
  await shoot("glance");
  const language = () => page.evaluate(() => document.documentElement.lang);
  const languages = [await language()];
  for (const name of ["中文", "English"]) {
    await page.getByRole("button", { name, exact: true }).click();
    languages.push(await language());
  }
  return {
    languages,
    answer: await textOf(page, ".graphiql-response"),
    panels: await page.locator(".graphiql-sidebar button[data-index]").evaluateAll((all) => all.map((one) => one.ariaLabel)),
  };
});
