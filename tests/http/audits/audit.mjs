// Runs every audit of graphql-http against the server at argv[2] and prints one JSON line for each.

import { serverAudits } from "graphql-http";

for (const audit of serverAudits({ url: process.argv[2], fetchFn: fetch })) {
  const { name, status, reason } = await audit.fn();
  console.log(JSON.stringify({ id: audit.id, name, status, reason }));
}
