// Sends a picture to the server as wx.uploadFile does: a form with one file.

import { authorization } from "../headers";
import { recorded } from "../traffic";

/** What the server answered. */
export interface Upload {
  status: number;
  body: { avatar?: string; errors?: { message: string }[] };
}

/** Raises a sentence where there is no answer, or none in JSON. */
export function upload(file: Blob): Promise<Upload> {
  const request = `${file.type} (${file.size} bytes)`;
  return recorded({ to: "server", title: "POST /uploads/avatar", request }, () => sent(file));
}

async function sent(file: Blob): Promise<Upload> {
  const form = new FormData();
  form.append("file", file, "picture");
  const headers = { Authorization: authorization.get() ?? "" };
  const address = new URL("uploads/avatar", document.baseURI);
  const response = await fetch(address, { method: "POST", headers, body: form }).catch(() => {
    throw new Error(`No answer from ${address.href}. Is the server running?`);
  });
  const body = await response.json().catch(() => {
    throw new Error(`${address.href} answered ${response.status} with something else than JSON.`);
  });
  return { status: response.status, body };
}
