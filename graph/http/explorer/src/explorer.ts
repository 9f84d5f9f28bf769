// The page of a server that talks to WeChat.

import { openExplorer } from "./page";

openExplorer({});
