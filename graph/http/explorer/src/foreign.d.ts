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

// Made by ../miniprogram.mjs of the example's sources.
declare module "miniprogram" {
  interface PageConfig {
    navigationBarTitleText?: string;
    enablePullDownRefresh?: boolean;
  }
  export const app: { pages: string[]; window: Record<string, string> };
  export const theme: { light?: Record<string, string>; dark?: Record<string, string> };
  export const config: { server: string; language: "en" | "zh" };
  export const templates: Record<string, object>;
  export const pages: Record<string, { config: PageConfig; template: object; load: () => unknown }>;
  export const launch: () => unknown;
}
