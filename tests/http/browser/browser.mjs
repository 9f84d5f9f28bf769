// A headless Chromium behind a wire that counts, and what it noticed: messages, requests, violations.

import { createServer, connect } from "node:net";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";

// In pixels: a large screen, a small one, a phone.
export const WIDTHS = [1440, 1024, 390];

// Milliseconds. Only a defect takes that long.
const PATIENCE = 120_000;
const QUIET = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/**
 * Calls `visit(page, { base, wire, noticed, shoot })` with a new browser; `base` is the server's address on the wire.
 * What it returns, and what was noticed, goes to standard output; where it fails, the page is left as a picture.
 */
export async function withBrowser([executablePath, serverUrl, screenshots], visit) {
  const wire = await countingWire(new URL(serverUrl));
  const profile = await mkdtemp(join(tmpdir(), "chromium-"));
  const browser = await chromium.launchPersistentContext(profile, {
    executablePath,
    args: QUIET,
    headless: true,
    timeout: PATIENCE,
    viewport: { width: 1400, height: 900 },
  });
  const shoot = (name, page = browser.pages()[0]) => page.screenshot({ path: join(screenshots, `${name}.png`) });
  try {
    browser.setDefaultTimeout(PATIENCE);
    const [page] = browser.pages();
    const noticed = { complaints: [], elsewhere: [] };
    const base = serverUrl.replace(new URL(serverUrl).host, `127.0.0.1:${wire.port}`);
    browser.on("weberror", (error) => noticed.complaints.push(String(error.error())));
    browser.on("console", (message) => {
      if (["error", "warning"].includes(message.type())) noticed.complaints.push(message.text());
    });
    browser.on("request", (request) => {
      const url = new URL(request.url());
      if (url.protocol !== "data:" && url.origin !== new URL(base).origin) noticed.elsewhere.push(request.url());
    });
    const seen = await visit(page, { base, wire, noticed, shoot });
    console.log(JSON.stringify({ ...noticed, ...seen }));
  } catch (error) {
    await shoot("failure");
    throw error;
  } finally {
    await browser.close();
    wire.close();
    await rm(profile, { recursive: true, force: true });
  }
}

/** A port that passes everything on to the server, and knows how many bytes came back: heads, bodies, all. */
async function countingWire({ hostname, port }) {
  const wire = { bytes: 0 };
  const server = createServer((client) => {
    const upstream = connect(Number(port), hostname);
    client.pipe(upstream).pipe(client);
    upstream.on("data", (chunk) => (wire.bytes += chunk.length));
    client.on("error", () => upstream.destroy());
    upstream.on("error", () => client.destroy());
  });
  await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
  return Object.assign(wire, { port: server.address().port, close: () => server.close() });
}

/** Opens the explorer, until it knows the schema and all its workers are at work. */
export async function openExplorer(page, base) {
  await ready(page, () => page.goto(`${base}/graphiql`));
}

/** As `openExplorer`, for any other way to get there. */
export async function ready(page, navigate) {
  const introspected = page.waitForResponse((response) => response.url().endsWith("/introspection.json"));
  await navigate();
  await (await introspected).finished();
  await page.locator(".graphiql-query-editor .view-line").first().waitFor();
  while (page.workers().length < 2) await page.waitForEvent("worker");
}

/** Calls `visit(width, colorScheme)` for the page in the light and in the dark, at each width; it ends as it begins. */
export async function inEachLook(page, visit) {
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme });
    for (const width of WIDTHS) {
      await page.setViewportSize({ width, height: 900 });
      await visit(width, colorScheme);
    }
  }
  await page.emulateMedia({ colorScheme: "light" });
  await page.setViewportSize({ width: WIDTHS[0], height: 900 });
}

/** What an editor shows, in the order of its lines. */
export async function textOf(page, section) {
  const lines = await page.locator(`${section} .view-line`).evaluateAll((elements) =>
    elements
      .map((element) => [parseFloat(element.style.top), element.textContent])
      .sort(([one], [other]) => one - other)
      .map(([, text]) => text),
  );
  return lines.join("\n").replaceAll("\u00a0", " ");
}
