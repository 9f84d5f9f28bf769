// What stands at an arrow: the name of a request, and how it was answered.

import { inLanguage } from "../language";
import type { Call, Sent } from "./store";

interface Ending {
  text: string;
  isBad: boolean;
}

/** A server's answer by its first error's code, WeChat's to a phone by its `errMsg`. */
export function endingOf({ status, response }: Sent): Ending {
  if (status === null) return { text: inLanguage("no answer", "无响应"), isBad: true };
  const { errors, errMsg } = (response ?? {}) as { errors?: { extensions?: { code?: string } }[]; errMsg?: string };
  if (errors?.length) return { text: errors[0]?.extensions?.code ?? `${status}`, isBad: true };
  return { text: errMsg ?? `${status}`, isBad: status >= 400 || /:fail/.test(errMsg ?? "") };
}

/** WeChat's answer to the server by its errcode, the server's to WeChat by its text. */
export function endingOfCall({ method, status, errcode, answer, fault }: Call): Ending {
  const faulty = fault === null ? "" : ` (${fault})`;
  if (status === null) return { text: inLanguage("no answer", "无响应") + faulty, isBad: true };
  const isBad = status !== 200 || (errcode ?? 0) !== 0;
  if (method === "PUSH") return { text: `${status}${typeof answer === "string" ? ` ${answer}` : ""}`, isBad };
  if (status !== 200 || errcode === null) return { text: `${status}${faulty}`, isBad: isBad || fault !== null };
  return { text: errcode === 0 ? `ok${faulty}` : `${errcode} ${messageOf(answer)}${faulty}`, isBad };
}

/** The name of what WeChat is asked, or of the event that it pushes. */
export function titleOf({ method, path, body }: Call): string {
  if (method !== "PUSH") return path.split("/").at(-1)!;
  return (body as { Event?: string } | null)?.Event ?? inLanguage("check of the URL", "URL 校验");
}

/** Without the number of the request and the hint, which follow. */
function messageOf(answer: unknown): string {
  const { errmsg = "" } = (answer ?? {}) as { errmsg?: string };
  return errmsg.split(/,| rid:| hint:/)[0]!;
}
