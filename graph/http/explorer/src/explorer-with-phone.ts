// The page of a server that plays WeChat: the explorer with a phone beside it.

import { openExplorer } from "./page";
import { phone } from "./phone/plugin";

openExplorer(phone);
