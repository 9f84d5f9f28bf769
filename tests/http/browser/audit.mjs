// What axe-core, which looks for barriers to users of screen readers, keyboards and weak eyes, finds in a page.

import axe from "axe-core";

// What Monaco, the editor in GraphiQL, draws of itself; and GraphiQL's tabs, which hold buttons.
const FOREIGN = [".monaco-editor", ".monaco-aria-container", ".graphiql-tab"];

/**
 * Each violation of the page as it is now: the rule, the element, and what is wrong with it. The source is evaluated
 * from outside, as no policy of the page's can forbid.
 */
export async function audit(page) {
  await page.evaluate(axe.source);
  const { violations } = await page.evaluate(
    (foreign) => axe.run({ exclude: foreign }, { resultTypes: ["violations"] }),
    FOREIGN.map((selector) => [selector]),
  );
  return violations.flatMap(({ id, nodes }) =>
    nodes.map(({ target, failureSummary }) => `${id} ${target.join(" ")}: ${failureSummary.replace(/\s+/g, " ")}`),
  );
}
