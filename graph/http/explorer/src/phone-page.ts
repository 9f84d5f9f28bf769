// The entry of the page that is a phone, with the example mini-program open on it.

import { showPhone } from "./phone-page/phone";

showPhone();
