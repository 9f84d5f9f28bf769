// The secrets that pass through a page, and every place where a page could keep one.

/** Listens to WeChat's and the server's answers from now on. */
export function secretsOf(page) {
  const secrets = { all: [], codes: [], tokens: [] };
  page.on("response", async (response) => {
    if (!/\/(graphql|simulator\/device\/[\w-]+)$/.test(response.url())) return;
    const { code, rawData, signature, encryptedData, iv, data } = await response.json();
    const token = data?.login?.token;
    if (code) secrets.codes.push(code);
    if (token) secrets.tokens.push(token);
    secrets.all.push(...[code, token, rawData, signature, encryptedData, iv].filter(Boolean));
    if (data?.exportMe) {
      const { phone, accounts } = JSON.parse(data.exportMe.document);
      secrets.all.push(phone.number, ...accounts.map(({ openid }) => openid));
    }
  });
  return secrets;
}

/** As one text for each place. */
export async function everythingKept(page) {
  const session = await page.context().newCDPSession(page);
  const { entries } = await session.send("Page.getNavigationHistory");
  await session.detach();
  const inPage = await page.evaluate(async () => ({
    address: location.href,
    historyState: JSON.stringify(history.state),
    localStorage: JSON.stringify({ ...localStorage }),
    sessionStorage: JSON.stringify({ ...sessionStorage }),
    cookies: document.cookie,
    windowName: window.name,
    databases: JSON.stringify(await indexedDB.databases()),
    caches: JSON.stringify(await caches.keys()),
  }));
  return { ...inPage, history: JSON.stringify(entries.map(({ url, title }) => [url, title])) };
}
