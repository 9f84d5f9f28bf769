// The page of a server that plays WeChat: the explorer with a phone beside it, and what that sends drawn.

import { openExplorer } from "./page";
import { phone } from "./phone/plugin";
import { withScreen } from "./screen/screen";
import { Sequence } from "./sequence/sequence";

openExplorer({ panels: [withScreen(phone)], Below: Sequence });
