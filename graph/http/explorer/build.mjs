// Builds dist/: the explorer, and for servers that play WeChat the explorer with the phone and the example's own page.
//
// Files have a hash in their names, and every text lies there compressed as well. pages.json says which files belong to
// which page; it is written last, so whoever finds it finds everything.

import { existsSync } from "node:fs";
import { readFile, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { brotliCompress, constants, gzip } from "node:zlib";
import { build } from "esbuild";
import { miniProgram } from "./miniprogram.mjs";
import { notices } from "./notices.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const dist = join(here, "dist");
const example = join(here, "../../../examples/miniprogram/miniprogram");
const pages = {
  "explorer.html": "explorer",
  "explorer-with-phone.html": "explorer-with-phone",
  // An archive of the package alone has no examples.
  ...(existsSync(example) && { "phone.html": "phone-page" }),
};
const workers = {
  "worker-editor": "monaco-editor/esm/vs/editor/editor.worker.js",
  "worker-json": "monaco-editor/esm/vs/language/json/json.worker.js",
  "worker-graphql": "monaco-graphql/esm/graphql.worker.js",
};
// What a first visit can do without: src/unused.ts, src/entities.ts and src/documentation.tsx say what they stand for.
const lighter = {
  name: "lighter",
  setup({ onResolve }) {
    const instead = (filter, path) => onResolve({ filter }, () => ({ path: join(here, path) }));
    instead(/\/(diffEditorWidget|multiDiffEditorWidget|linesDiffComputers|quickInputService|referencesWidget)\.js$/, "src/unused.ts");
    instead(/\/decode-data-html\.js$/, "src/entities.ts");
    instead(/^\.\/components\/doc-explorer\.js$/, "src/documentation.tsx");
    instead(/^@graphiql\/plugin-doc-explorer$/, "node_modules/@graphiql/plugin-doc-explorer/dist/context.js");
  },
};

await rm(dist, { recursive: true, force: true });
const entry = (name) => [name, `src/${name}.ts`];
const { "phone.html": phone, ...explorers } = pages;
// The phone by itself: shared parts would cost a first visit to the explorer more requests than they save.
const builds = [{ ...Object.fromEntries(Object.values(explorers).map(entry)), ...workers }];
if (phone) builds.push(Object.fromEntries([entry(phone)]));
const bundled = await Promise.all(builds.map(bundle));
const metafile = { outputs: Object.assign({}, ...bundled.map(({ metafile }) => metafile.outputs)) };

const outputs = new Map(Object.entries(metafile.outputs).map(([path, output]) => [basename(path), output]));
const template = await readFile(join(here, "src/page.html"), "utf8");
const ofPhone = await readFile(join(here, "src/phone-page/page.html"), "utf8");
const needed = {};
for (const [page, name] of Object.entries(pages)) {
  const [script, style] = [built(name, "js"), built(name, "css")];
  const isPhone = page === "phone.html";
  const others = isPhone ? [] : Object.keys(workers).map((worker) => built(worker, "js"));
  needed[page] = [...reached([script, style, ...others], () => true)].sort();
  const links = [...reached([script], ({ kind }) => kind === "import-statement")].filter((file) => file !== script);
  const fillings = {
    preloads: links.map((file) => `<link rel="modulepreload" href="graphiql/${file}" />`).join("\n    "),
    style: `graphiql/${style}`,
    script: `graphiql/${script}`,
    // The example mini-program in the browser, where this build has its page.
    phone: page === "explorer-with-phone.html" && "phone.html" in pages ? 'data-phone="phone"' : "",
    workers: Object.keys(workers).map((worker) => `data-${worker}="${built(worker, "js")}"`).join(" "),
  };
  await writeFile(join(dist, page), (isPhone ? ofPhone : template).replace(/\{(\w+)\}/g, (_, name) => fillings[name]));
}
await Promise.all([...new Set(Object.values(needed).flat())].map(compress));
await writeFile(join(dist, "THIRD_PARTY_NOTICES.txt"), await notices(here, metafile, await legalComments()));
await writeFile(join(dist, "pages.json"), JSON.stringify(needed, null, 1));

/** One graph of files that share parts. */
function bundle(entryPoints) {
  return build({
    absWorkingDir: here,
    entryPoints,
    // Workers are modules too: what they share with the page travels once.
    format: "esm",
    splitting: true,
    bundle: true,
    minify: true,
    metafile: true,
    outdir: "dist",
    entryNames: "[name]-[hash]",
    chunkNames: "part-[hash]",
    assetNames: "[name]-[hash]",
    target: "es2022",
    jsx: "automatic",
    legalComments: "external",
    define: { "process.env.NODE_ENV": '"production"' },
    alias: { "monaco-editor/esm/vs/editor/edcore.main.js": "./src/editor.ts" },
    plugins: [lighter, miniProgram(example)],
    loader: { ".graphql": "text", ".ttf": "file", ".woff": "file", ".woff2": "file" },
  });
}

/** The file that an entry point became. */
function built(name, type) {
  return [...outputs.keys()].find((file) => new RegExp(`^${name}-[A-Z0-9]{8}\\.${type}$`).test(file));
}

/** These files and all that they import, fetch or show, over and over. */
function reached(files, counts) {
  const found = new Set(files);
  for (const file of found) {
    for (const next of outputs.get(file).imports) {
      const name = basename(next.path);
      if (outputs.has(name) && counts(next)) found.add(name);
    }
  }
  return found;
}

/** What the bundled code says about its licences, which esbuild has put into files of their own. */
async function legalComments() {
  const files = [...outputs.keys()].filter((file) => file.endsWith(".LEGAL.txt")).map((file) => join(dist, file));
  const comments = await Promise.all(files.map((file) => readFile(file, "utf8")));
  await Promise.all(files.map((file) => rm(file)));
  return comments;
}

async function compress(name) {
  if (name.endsWith(".woff") || name.endsWith(".woff2")) return;
  const content = await readFile(join(dist, name));
  const size = { [constants.BROTLI_PARAM_SIZE_HINT]: content.length };
  await writeFile(join(dist, `${name}.br`), await promisify(brotliCompress)(content, { params: size }));
  await writeFile(join(dist, `${name}.gz`), await promisify(gzip)(content, { level: 9 }));
}
