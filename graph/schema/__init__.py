"""The GraphQL schema: its operations, its types, and the code of every exception."""
