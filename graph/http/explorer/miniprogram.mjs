// Lets esbuild bundle a mini-program for a browser: `import { app, pages, ... } from "miniprogram"`.
//
// Templates are compiled by the compiler of WeChat's own framework, with an HTML element for each of its components;
// style sheets become CSS; and the documents stand as they are written where graphql-codegen would have put them.

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { TmplGroup } from "glass-easel-template-compiler";
import { parse, print, visit } from "graphql";

const ELEMENTS = {
  block: "block", button: "button", form: "form", image: "img", input: "input", navigator: "a", text: "span", view: "div",
};
const TAG = /<(\/?)([a-z-]+)((?:\s+[\w:-]+(?:="[^"]*")?)*)\s*(\/?)>/g;
const ATTRIBUTE = /([\w:-]+)(="[^"]*")?/g;

/** `source` is the directory of app.json. */
export function miniProgram(source) {
  const read = (path) => readFile(join(source, path), "utf8");
  return {
    name: "mini-program",
    setup({ onResolve, onLoad }) {
      onResolve({ filter: /^miniprogram$/ }, ({ path }) => ({ path, namespace: "miniprogram" }));
      onResolve({ filter: /^miniprogram\.css$/ }, ({ path }) => ({ path, namespace: "wxss" }));
      onResolve({ filter: /\/generated\/graphql$/ }, ({ path }) => ({ path, namespace: "documents" }));
      onLoad({ filter: /./, namespace: "miniprogram" }, async () => ({ contents: await script(read), resolveDir: source }));
      onLoad({ filter: /./, namespace: "wxss" }, async () => ({ contents: await styles(read), loader: "css" }));
      onLoad({ filter: /./, namespace: "documents" }, async () => ({
        contents: documents(await read("graphql/operations.graphql")),
      }));
    },
  };
}

async function script(read) {
  const app = JSON.parse(await read("app.json"));
  const templates = new TmplGroup();
  const pages = await Promise.all(
    app.pages.map(async (path) => {
      const [wxml, config] = await Promise.all([read(`${path}.wxml`), read(`${path}.json`)]);
      for (const { message } of templates.addTmpl(path, html(wxml, path))) throw new Error(`${path}.wxml: ${message}`);
      return `"${path}": { config: ${config}, template: templates["${path}"], load: () => require("./${path}.ts") },`;
    }),
  );
  return `
    import "miniprogram.css";
    export { config } from "./config";
    export const app = ${JSON.stringify(app)};
    export const theme = ${app.themeLocation ? await read(app.themeLocation) : "{}"};
    export const templates = ${templates.getTmplGenObjectGroups()};
    export const pages = { ${pages.join("\n")} };
    export const launch = () => require("./app.ts");`;
}

/** Components become elements that browsers, keyboards and screen readers know. */
function html(wxml, path) {
  return wxml.replace(TAG, (_, slash, component, attributes, selfClosing) => {
    const element = ELEMENTS[component];
    if (!element) throw new Error(`${path}.wxml: the browser has nothing for <${component}>`);
    if (slash) return `</${element}>`;
    const kept = attributes.replace(ATTRIBUTE, (whole, name, value = "") => {
      if (name === "aria-role") return `role${value}`;
      if (/^(bind|catch)\w/.test(name)) return `${name.replace(/^(bind|catch)/, "$1:")}${value}`;
      if (component === "image" && name === "aria-label") return `alt${value}`;
      if (component === "navigator" && name === "url") return `href="#${value.slice(2)}`;
      if (component === "button" && name === "form-type") return `type${value}`;
      // What HTML understands in another way.
      if (`${component} ${name}` === "input type" || `${component} ${name}` === "button lang") return `wx-${name}${value}`;
      return whole;
    });
    const missing = (name, value) => (new RegExp(`\\s${name}=`).test(kept) ? "" : ` ${name}="${value}"`);
    const added = {
      button: missing("type", "button"), image: missing("alt", ""), input: ' type="text" autocomplete="off"',
    };
    return `<${element}${kept}${added[component] ?? ""}${selfClosing && " /"}>`;
  });
}

/** A screen is 750rpx wide, whatever it measures. What is in a page's file holds for that page alone. */
async function styles(read) {
  const { pages } = JSON.parse(await read("app.json"));
  const css = (wxss) =>
    wxss.replace(/([\d.]+)rpx/g, (_, length) => `${length / 7.5}cqw`).replace(/\bpage(?=\s*[{,])/g, ".wx-page");
  const ofPages = pages.map(async (path) => `:where([data-route="${path}"]) { ${css(await read(`${path}.wxss`))} }`);
  return [css(await read("app.wxss")), ...(await Promise.all(ofPages))].join("\n");
}

/** Each operation with the fragments that it uses, as text. */
function documents(source) {
  const { definitions } = parse(source);
  const fragments = new Map(definitions.flatMap((one) => (one.kind === "FragmentDefinition" ? [[one.name.value, one]] : [])));
  const operations = definitions.filter(({ kind }) => kind === "OperationDefinition");
  return operations
    .map((operation) => {
      const needed = new Set([operation]);
      for (const one of needed) visit(one, { FragmentSpread: ({ name }) => void needed.add(fragments.get(name.value)) });
      return `export const ${operation.name.value}Document = ${JSON.stringify([...needed].map(print).join("\n\n"))};`;
    })
    .join("\n");
}
