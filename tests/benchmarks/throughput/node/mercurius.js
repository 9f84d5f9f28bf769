// Mercurius on fastify, queries compiled by graphql-jit once they have been met.

import Fastify from "fastify";
import mercurius from "mercurius";

import { findUser, listen, typeDefs } from "./session.js";

const app = Fastify();
app.register(mercurius, {
  schema: typeDefs,
  resolvers: { Query: { me: (_parent, _arguments, context) => findUser(context.authorization) } },
  context: (request) => ({ authorization: request.headers.authorization }),
  jit: 1,
});
app.get("/livez", () => ({ status: "ok" }));
await app.listen(listen);
