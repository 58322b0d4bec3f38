/** What is shipped: types that hold, a size that stays small, and nothing but the client. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { CLIENT } from "./scripted.mjs";

const require = createRequire(new URL("package.json", CLIENT));
const run = promisify(execFile);

test("the types hold for good use and object to bad", async () => {
  const tsc = require.resolve("typescript/package.json").replace("package.json", "bin/tsc");
  const options = ["--noEmit", "--strict", "--target", "es2022", "--module", "nodenext", "--lib", "es2023,dom", "--types", ""];
  const usage = fileURLToPath(new URL("usage.mts", import.meta.url));
  await run(process.execPath, [tsc, ...options, usage]).catch(({ stdout, stderr }) => assert.fail(stdout + stderr));
});

test("bundled and minified it stays under 8 KB, without what is loaded only where WebSockets are blocked", async () => {
  const { build } = require("esbuild");
  const entryPoints = [fileURLToPath(new URL("agentstream.js", CLIENT))];
  const { outputFiles } = await build({ entryPoints, bundle: true, splitting: true, outdir: "out", minify: true, format: "esm", write: false });
  const [core, ...later] = outputFiles;
  assert.ok(core.contents.length < 8 * 1024, `${core.contents.length} bytes`);
  assert.match(later.map(({ path }) => path).join(), /sse-\w+\.js$/);
});

test("it depends on nothing and ships its modules with their types", async () => {
  const manifest = JSON.parse(await readFile(new URL("package.json", CLIENT)));
  assert.equal(manifest.dependencies, undefined);
  const { stdout } = await run("npm", ["pack", "--dry-run", "--json"], { cwd: fileURLToPath(CLIENT) });
  const files = JSON.parse(stdout)[0].files.map(({ path }) => path);
  assert.ok(files.includes("agentstream.d.ts"));
  for (const file of files) assert.match(file, /^(package\.json|README\.md|[a-z-]+\.(js|d\.ts))$/);
});
