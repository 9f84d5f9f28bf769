"""wxgate: the login and user back end of a WeChat mini-program, as one GraphQL server."""
