// The document that a first visit finds in its first tab, and the names of its three operations.

import opening from "./opening.graphql";

export { opening };
export type Operation = "Login" | "SubmitUserInfo" | "Me";
