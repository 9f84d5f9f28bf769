// The formats in which an operation is copied: for a mini-program, for a shell, and for all that has fetch.

import type { Sending } from "./sending";

export type Format = "wx.request" | "curl" | "fetch";

/** What stands in the place of the token, unless it is to be copied as well. */
export const placeholders: Record<Format, string> = {
  "wx.request": 'Bearer ${wx.getStorageSync("wxgate.token")}',
  curl: "Bearer YOUR_TOKEN",
  fetch: "Bearer YOUR_TOKEN",
};

export const writers: Record<Format, (url: string, sending: Sending) => string> = {
  "wx.request": (url, { headers, ...data }) => `wx.request({
  url: ${JSON.stringify(url)},
  method: "POST",
  header: ${indented(headersOf(headers), 1)},
  data: ${indented(dataOf(data), 1)},
  success: ({ data }) => console.log(data),
  fail: ({ errMsg }) => console.error(errMsg),
});
`,
  fetch: (url, { headers, ...data }) => `const response = await fetch(${JSON.stringify(url)}, {
  method: "POST",
  headers: ${indented(headersOf(headers), 1)},
  body: JSON.stringify(${indented(dataOf(data), 1)}),
});
console.log(await response.json());
`,
  curl: (url, { headers, ...data }) =>
    [
      `curl ${quoted(url)}`,
      ...Object.entries(headers).map(([name, value]) => `-H ${quoted(`${name}: ${value}`)}`),
      `--data-raw ${quoted(JSON.stringify(data))}`,
    ].join(" \\\n  ") + "\n",
};

export const formats = Object.keys(writers) as Format[];

type Data = Omit<Sending, "headers">;

/** With the document as a template, so that it stays readable. */
const dataOf = ({ query, operationName, variables }: Data) =>
  objectOf([
    ["query", template(`\n${query}\n`)],
    ...(operationName === undefined ? [] : [["operationName", JSON.stringify(operationName)] as const]),
    ["variables", JSON.stringify(variables, null, 2)],
  ]);

/** A header may have a placeholder that is evaluated. */
const headersOf = (headers: Record<string, string>) =>
  objectOf(
    Object.entries(headers).map(([name, value]) => [
      JSON.stringify(name),
      value === placeholders["wx.request"] ? `\`${value}\`` : JSON.stringify(value),
    ]),
  );

const objectOf = (members: (readonly [name: string, code: string])[]) =>
  ["{", ...members.map(([name, code]) => `  ${name}: ${indented(code, 1)},`), "}"].join("\n");

/** Within the document a break has no meaning but in the strings of three quotes, which are indented alike. */
const indented = (text: string, depth: number) => text.replaceAll("\n", `\n${"  ".repeat(depth)}`);

const template = (text: string) => `\`${text.replace(/[\\`]|\$\{/g, "\\$&")}\``;

/** For a POSIX shell. */
const quoted = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`;
