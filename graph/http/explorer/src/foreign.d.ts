// What the bundler makes of files that are no scripts.

declare module "*.graphql" {
  const text: string;
  export default text;
}
declare module "*.css";
// Not exported by the package.
declare module "*/@graphiql/react/dist/constants.js" {
  interface Theme {
    rules: { token: string; foreground: string }[];
    colors: Record<string, string>;
  }
  export const MONACO_THEME_DATA: { light: Theme; dark: Theme };
}
