// Apollo Server on fastify.

import { ApolloServer } from "@apollo/server";
import { fastifyApolloHandler } from "@as-integrations/fastify";
import Fastify from "fastify";

import { findUser, listen, typeDefs } from "./session.js";

const apollo = new ApolloServer({
  typeDefs,
  resolvers: { Query: { me: (_parent, _arguments, context) => findUser(context.authorization) } },
});
await apollo.start();

const app = Fastify();
const context = async (request) => ({ authorization: request.headers.authorization });
app.post("/graphql", fastifyApolloHandler(apollo, { context }));
app.get("/livez", () => ({ status: "ok" }));
await app.listen(listen);
