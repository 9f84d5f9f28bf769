// One HTTP exchange, by node:http: fetch would need what a mini-program's runtime does not have.

import { Agent, request } from "node:http";

const agent = new Agent({ keepAlive: true });

export function exchange(url, { method, headers = {}, body, timeout }) {
  return new Promise((resolve, reject) => {
    const sent = request(url, { agent, method, headers: body ? { ...headers, "Content-Length": Buffer.byteLength(body) } : headers });
    sent.on("error", reject);
    sent.on("response", (response) => {
      response.on("error", reject);
      response.toArray().then((chunks) => {
        resolve({ status: response.statusCode, headers: response.headers, text: Buffer.concat(chunks).toString("utf8") });
      }, reject);
    });
    sent.setTimeout(timeout ?? 60000, () => sent.destroy(new Error("timeout")));
    sent.end(body);
  });
}
