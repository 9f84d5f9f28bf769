// graphql-yoga on Node's own HTTP server, as its documentation starts it.

import { createServer } from "node:http";

import { createSchema, createYoga } from "graphql-yoga";

import { findUser, listen, typeDefs } from "./session.js";

const yoga = createYoga({
  schema: createSchema({
    typeDefs,
    resolvers: {
      Query: { me: (_parent, _arguments, context) => findUser(context.request.headers.get("authorization") ?? "") },
    },
  }),
  healthCheckEndpoint: "/livez",
  logging: false,
});
createServer(yoga).listen(listen);
