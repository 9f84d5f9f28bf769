// Imports the snippet in argv[2] as a mini-program would, asks it twice at once who is signed in, and prints both
// answers and what was asked of WeChat and the server. argv[3] is the server, argv[4] the file that storage is kept in.

import { makeWx } from "../phone/wx.mjs";
import { becomeMiniProgram } from "../phone/runtime.mjs";

const [snippet, server, storageFile] = process.argv.slice(2);
const log = [];
globalThis.wx = makeWx({ server, storageFile, state: { user: "guided", authSetting: {} }, log });
globalThis.uni = globalThis.wx;

becomeMiniProgram();
const { me } = await import(snippet);
const people = await Promise.all([me(), me()]);
process.stdout.write(JSON.stringify({ people, log }));
process.exit();
