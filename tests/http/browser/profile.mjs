// A user types a name and chooses pictures: one that is fine, one that WeChat refuses, a doubtful one, and no picture.
// node profile.mjs CHROMIUM URL SCREENSHOTS

import { openExplorer, withBrowser } from "./browser.mjs";
import { everythingKept } from "./kept.mjs";
import { phoneOn } from "./phone.mjs";

await withBrowser(process.argv.slice(2), async (page, { base, shoot }) => {
  const seen = { outcomes: {}, uploads: [], states: {}, shown: {}, withdrawn: {} };
  page.on("response", async (response) => {
    if (response.url().endsWith("/uploads/avatar")) seen.uploads.push(await response.json());
  });
  const { press, step, outcome, signIn, withdraw } = phoneOn(page);
  const here = step("Fill in name and picture");
  const choose = (name) => here.getByRole("button", { name }).click();
  /** Until the answer is that of the picture just chosen. */
  const upload = async () => {
    await press("▶ POST /uploads/avatar");
    await here.getByLabel("Answer to the upload").waitFor();
    return here.getByLabel("Answer to the upload").textContent();
  };
  const save = async (pattern) => {
    await press("▶ UpdateProfile");
    return outcome("Fill in name and picture", pattern);
  };
  const check = here.getByLabel("Check of the picture");
  const verdict = async (state) => {
    await check.locator("strong", { hasText: state }).waitFor();
    return check.locator("strong").textContent();
  };
  /** How wide each picture is that has come; 0 for one that has not. */
  const widths = (within) =>
    within.locator("img").evaluateAll((all) =>
      Promise.all(all.map((image) => image.decode().then(() => image.naturalWidth, () => 0))),
    );

  await openExplorer(page, base);
  const faces = here.getByRole("group", { name: "Picture", exact: true });
  await faces.locator("img").first().waitFor();
  seen.faces = await widths(faces);
  seen.isUploadOpenSignedOut = await here.getByRole("button", { name: "POST" }).isEnabled();
  await signIn();
  await outcome("Sign in", "Signed in");

  await here.getByLabel("Nickname").fill("小红");
  await faces.getByRole("button").first().click();
  seen.answer = await upload();
  seen.outcomes.saved = await save("Kept");
  seen.states.fine = await verdict("SHOWN");
  seen.shown.fine = await widths(check);
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme });
    for (const width of [1400, 390]) {
      await page.setViewportSize({ width, height: 900 });
      await here.scrollIntoViewIfNeeded();
      await shoot(`1-saved-${colorScheme}-at-${width}`);
    }
  }
  await page.emulateMedia({ colorScheme: "light" });
  await page.setViewportSize({ width: 1400, height: 900 });

  await here.getByLabel("Nickname").fill("risky 小红");
  seen.outcomes.riskyName = await save("TEXT_REFUSED");
  await here.getByLabel("Nickname").fill("小红");
  await choose(/red/i);
  await upload();
  await save("Kept");
  seen.states.red = await verdict("REFUSED");
  seen.shown.red = await widths(check);
  await here.scrollIntoViewIfNeeded();
  await shoot("2-refused");
  seen.outcomes.refusedAgain = await save("PICTURE_REFUSED");
  await choose(/yellow/i);
  await upload();
  await save("Kept");
  seen.states.yellow = await verdict("REVIEW");
  await here.scrollIntoViewIfNeeded();
  await shoot("3-review");

  await here.getByLabel("or a file").setInputFiles({ name: "no.jpg", mimeType: "image/jpeg", buffer: Buffer.from("no picture") });
  seen.outcomes.unusable = await upload();
  seen.withdrawn.picture = await withdraw("Revoke chosen picture");
  seen.checks = await check.count();
  seen.withdrawn.signed = await withdraw("Revoke nickname and picture");
  seen.withdrawn.name = await withdraw("Revoke typed nickname");
  await page.waitForFunction(() => localStorage.getItem("graphiql:tabState")?.includes("UpdateProfile"));
  seen.kept = await everythingKept(page);
  return seen;
});
