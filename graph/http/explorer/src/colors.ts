// The editors' colours: GraphiQL's, but for those with too little contrast to its backgrounds (WCAG 2: 4.5 to 1).

import { MONACO_THEME_DATA } from "../node_modules/@graphiql/react/dist/constants.js";

const { light, dark } = MONACO_THEME_DATA;

// Monaco is given them when it has loaded, later than this.
light.rules.push(
  { token: "argument.identifier.gql", foreground: "#5a56c4" },
  { token: "number", foreground: "#07704c" },
);
Object.assign(light.colors, {
  "editorLineNumber.dimmedForeground": "#56697f",
  "editorBracketHighlight.foreground2": "#27712a",
});
dark.rules.push({ token: "comment", foreground: "#85b274" }, { token: "comment.gql", foreground: "#85b274" });
Object.assign(dark.colors, {
  "editorLineNumber.foreground": "#a3adbd",
  "editorLineNumber.dimmedForeground": "#a3adbd",
  "editorBracketHighlight.foreground2": "#e694e2",
  "editorBracketHighlight.foreground3": "#4db2ff",
});
