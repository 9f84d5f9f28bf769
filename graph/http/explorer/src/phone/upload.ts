// Sends a picture to the server as wx.uploadFile does: a form with one file.

import { ask } from "../endpoint";
import { authorization } from "../headers";
import { recorded } from "../traffic";

/** What the server answered. */
export interface Upload {
  status: number;
  body: { avatar?: string; errors?: { message: string }[] };
}

/** As `ask`, and the sequence has it. */
export function upload(file: Blob): Promise<Upload> {
  const form = new FormData();
  form.append("file", file, "picture");
  const headers = { Authorization: authorization.get() ?? "" };
  const address = new URL("uploads/avatar", document.baseURI);
  const request = `${file.type} (${file.size} bytes)`;
  return recorded({ to: "server", title: "POST /uploads/avatar", request }, () =>
    ask(address, { method: "POST", headers, body: form }),
  );
}
