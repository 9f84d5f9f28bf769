// Imports the snippet in argv[2] as a mini-program would, asks it twice at once who is signed in, and prints both
// answers and what was asked of WeChat and the server. argv[3] is the server, argv[4] the file that storage is kept in.

import { makePrivacy } from "../../../graph/http/explorer/src/phone-page/privacy.mjs";
import { makeWx } from "../../../graph/http/explorer/src/phone-page/wx.mjs";
import { makePlace } from "../phone/place.mjs";
import { becomeMiniProgram } from "../phone/runtime.mjs";

const [snippet, server, storageFile] = process.argv.slice(2);
const log = [];
const place = makePlace({ server, storageFile, state: { user: "guided", authSetting: {} }, log });
globalThis.wx = makeWx({ ...place, screen: {}, privacy: makePrivacy(place.owner) });
globalThis.uni = globalThis.wx;

becomeMiniProgram();
const { me } = await import(snippet);
const people = await Promise.all([me(), me()]);
process.stdout.write(JSON.stringify({ people, log }));
process.exit();
