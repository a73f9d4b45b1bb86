// Prints the TypeScript types of a JSON Schema: node types.mjs SCHEMA. Imports from .local/npm/contract.
import { createRequire } from "node:module";

const require = createRequire(new URL("../../.local/npm/contract/", import.meta.url));
const { compileFromFile } = require("json-schema-to-typescript");

const bannerComment = "// Generated from docs/events.schema.json by `make types`.";
// Without a word about further fields, a schema here means that readers ignore them. Their types need not have them.
const options = { bannerComment, additionalProperties: false, style: { printWidth: 130 } };
process.stdout.write(await compileFromFile(process.argv[2], options));
