// Every rule of graphql-eslint for the schema and for the example's operations, but for these.

import graphql from "@graphql-eslint/eslint-plugin";

const SCHEMA = {
  ...graphql.configs["flat/schema-all"].rules,
  "@graphql-eslint/no-root-type": ["error", { disallow: ["subscription"] }],
  "@graphql-eslint/require-description": [
    "error",
    { types: true, rootField: true, FieldDefinition: true, InputValueDefinition: true, EnumValueDefinition: true },
  ],
  // A payload is an event, a device a part of its session, a picture of its user: none that a cache could know again.
  "@graphql-eslint/strict-id-in-types": ["error", { exceptions: { types: ["Device", "ErrorExtensions", "PhoneNumber", "Picture"], suffixes: ["Payload"] } }],
};
const OPERATIONS = graphql.configs["flat/operations-all"].rules;

// By rule, why it is switched off.
const SCHEMA_OFF = {
  alphabetize: "The order tells a reader what matters first, and which codes belong together.",
  "no-unreachable-types": "ErrorCode and ErrorAction are in errors[].extensions, where no type system reaches.",
  "input-name": "Arguments are flat and bear WeChat's names, so that a client passes on what WeChat gave it.",
  "require-nullable-result-in-root": "A mutation that failed has nothing to say beside its error.",
  "no-scalar-result-type-on-mutation": "What ends a session leaves nothing to select but whether there was one.",
  "require-field-of-type-query-in-mutation-result": "The payloads hold all that changed: the user.",
};
const OPERATIONS_OFF = {
  alphabetize: "As in the schema.",
  "lone-executable-definition": "So few operations are read best on one page.",
  "match-document-filename": "As above.",
};

const off = (reasons) => Object.fromEntries(Object.keys(reasons).map((rule) => [`@graphql-eslint/${rule}`, "off"]));

export default [
  {
    files: ["**/*.graphql"],
    languageOptions: { parser: graphql.parser },
    plugins: { "@graphql-eslint": graphql },
    linterOptions: { reportUnusedDisableDirectives: "error" },
  },
  { files: ["schema.graphql"], rules: { ...SCHEMA, ...off(SCHEMA_OFF) } },
  { files: ["operations.graphql"], rules: { ...OPERATIONS, ...off(OPERATIONS_OFF) } },
];
