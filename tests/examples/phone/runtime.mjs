// Takes away what Node has and the runtime of a mini-program does not.

const ABSENT = [
  "AbortController", "AbortSignal", "Blob", "BroadcastChannel", "CompressionStream", "DecompressionStream", "FormData",
  "Headers", "MessageChannel", "ReadableStream", "Request", "Response", "TextDecoder", "TextEncoder", "URL",
  "URLSearchParams", "WebSocket", "WritableStream", "crypto", "fetch", "queueMicrotask", "structuredClone",
];

export function becomeMiniProgram() {
  for (const name of ABSENT) delete globalThis[name];
}
