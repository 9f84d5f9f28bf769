// The notices of the packages whose code, styles or fonts are in dist/.

import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

const OF_A_PACKAGE = /^.*node_modules\/(@[^/]+\/)?[^/]+/;
const LEGAL_FILES = /^(licen[cs]e|copying|copyright|notice|third-?party)/i;

/** One text for all packages that esbuild took bytes from; `comments` are what their code says about it. */
export async function notices(here, metafile, comments) {
  const taken = Object.values(metafile.outputs).flatMap(({ inputs }) => Object.entries(inputs));
  const folders = taken.filter(([, { bytesInOutput }]) => bytesInOutput).map(([path]) => path.match(OF_A_PACKAGE)?.[0]);
  const texts = [...new Set(folders)].filter(Boolean).sort().map((folder) => notice(join(here, folder), here));
  return [...(await Promise.all(texts)), ...comments].join(`\n${"=".repeat(80)}\n`);
}

async function notice(folder, here) {
  const { name, version, license, author, repository } = JSON.parse(await readFile(join(folder, "package.json"), "utf8"));
  const files = (await readdir(folder)).filter((file) => LEGAL_FILES.test(file)).sort();
  const texts = await Promise.all(files.map((file) => readFile(join(folder, file), "utf8")));
  if (!texts.length) {
    // A few packages say no more than that they are MIT's: whose they are, and the terms, as we have them ourselves.
    if (license !== "MIT") throw new Error(`${name} has no licence file`);
    const ours = await readFile(join(here, "../../../LICENSE"), "utf8");
    texts.push(`By ${author?.name ?? author ?? repository.url}`, ours.slice(ours.indexOf("Permission")));
  }
  return [`${name} ${version}\nLicense: ${license}`, ...texts.map((text) => text.trim())].join("\n\n") + "\n";
}
