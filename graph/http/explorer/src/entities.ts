// In place of all the named characters of HTML: Markdown in descriptions of a schema does with those of XML.

export { xmlDecodeTree as htmlDecodeTree } from "../node_modules/entities/dist/generated/decode-data-xml.js";
