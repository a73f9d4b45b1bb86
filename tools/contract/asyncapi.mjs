// Reads an AsyncAPI document with AsyncAPI's own parser: node asyncapi.mjs DOCUMENT. Prints its complaints, and the schema of
// each message with all references resolved. Imports from .local/npm/contract.
import { createRequire } from "node:module";

const require = createRequire(new URL("../../.local/npm/contract/", import.meta.url));
const { Parser, fromFile } = require("@asyncapi/parser");

// 3.0 is read by more tools than the latest version.
const parser = new Parser({ ruleset: { rules: { "asyncapi-latest-version": "off" } } });
const { document, diagnostics } = await fromFile(parser, process.argv[2]).parse();
const complaints = diagnostics.map(({ code, path, message }) => `${path.join(".")}: ${message} (${code})`);
const { messages } = document?.json().components ?? { messages: {} };
const schemas = Object.fromEntries(Object.entries(messages).map(([name, { payload }]) => [name, payload]));
console.log(JSON.stringify({ complaints, schemas }));
