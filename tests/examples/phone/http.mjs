// One HTTP exchange, by node:http: fetch would need what a mini-program's runtime does not have.

import { randomBytes } from "node:crypto";
import { Agent, request } from "node:http";

const agent = new Agent({ keepAlive: true });

export function exchange(url, { method, headers = {}, body, timeout }) {
  return new Promise((resolve, reject) => {
    const sent = request(url, { agent, method, headers: body ? { ...headers, "Content-Length": Buffer.byteLength(body) } : headers });
    sent.on("error", reject);
    sent.on("response", (response) => {
      response.on("error", reject);
      response.toArray().then((chunks) => {
        const content = Buffer.concat(chunks);
        resolve({ status: response.statusCode, headers: response.headers, content, text: content.toString("utf8") });
      }, reject);
    });
    sent.setTimeout(timeout ?? 60000, () => sent.destroy(new Error("timeout")));
    sent.end(body);
  });
}

/** A form with one file, and its media type. WeChat takes the file's from the ending of its name. */
export function multipart({ name, filename, content }) {
  const boundary = `----WeChat${randomBytes(12).toString("hex")}`;
  const head = [
    `--${boundary}`,
    `Content-Disposition: form-data; name="${name}"; filename="${filename}"`,
    `Content-Type: image/${filename.endsWith(".png") ? "png" : "jpeg"}`,
  ].join("\r\n");
  const body = Buffer.concat([Buffer.from(`${head}\r\n\r\n`), content, Buffer.from(`\r\n--${boundary}--\r\n`)]);
  return { type: `multipart/form-data; boundary=${boundary}`, body };
}
