/** What is published: types that hold, a size that stays small, and nothing but the client. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { CLIENT, WebSocket, event, serve, subscribed } from "./scripted.mjs";

const require = createRequire(new URL("package.json", CLIENT));
const run = promisify(execFile);

test("the types accept correct use and reject wrong use", async () => {
  const tsc = require.resolve("typescript/package.json").replace("package.json", "bin/tsc");
  const options = [
    "--noEmit",
    "--ignoreConfig",
    "--strict",
    "--target",
    "es2022",
    "--module",
    "nodenext",
    "--lib",
    "es2023,dom",
    "--types",
    "",
  ];
  const usage = fileURLToPath(new URL("usage.mts", import.meta.url));
  await run(process.execPath, [tsc, ...options, usage]).catch(({ stdout, stderr }) => assert.fail(stdout + stderr));
});

test("bundled and minified it stays under 9 KB, without the fallback for blocked WebSockets", async () => {
  const { build } = require("esbuild");
  const entryPoints = [fileURLToPath(new URL("agentstream.js", CLIENT))];
  const { outputFiles } = await build({
    entryPoints,
    bundle: true,
    splitting: true,
    outdir: "out",
    minify: true,
    format: "esm",
    write: false,
  });
  const [core, ...later] = outputFiles;
  assert.ok(core.contents.length < 9 * 1024, `${core.contents.length} bytes`);
  assert.match(later.map(({ path }) => path).join(), /sse-\w+\.js$/);
});

test("it depends on nothing and ships its modules with their types", async () => {
  const manifest = JSON.parse(await readFile(new URL("package.json", CLIENT)));
  assert.equal(manifest.dependencies, undefined);
  const { stdout } = await run("npm", ["pack", "--dry-run", "--json"], { cwd: fileURLToPath(CLIENT) });
  const files = JSON.parse(stdout)[0].files.map(({ path }) => path);
  assert.ok(files.includes("agentstream.d.ts"));
  for (const name of ["LICENSE", "README.md", "sse.js", "ticket.js"]) assert.ok(files.includes(name), name);
  for (const file of files) assert.match(file, /^(package\.json|README\.md|LICENSE|[a-z-]+\.(js|d\.ts))$/);
});

test("its metadata is complete", async () => {
  const manifest = JSON.parse(await readFile(new URL("package.json", CLIENT)));
  assert.equal(manifest.license, "Apache-2.0");
  assert.equal(manifest.author, "The Agentstream authors");
  for (const key of ["description", "keywords", "homepage", "repository", "bugs", "engines", "types"]) {
    assert.ok(manifest[key], key);
  }
  const lock = JSON.parse(await readFile(new URL("package-lock.json", CLIENT)));
  assert.deepEqual([lock.version, lock.packages[""].version], [manifest.version, manifest.version]);
});

const APPLICATION = `
import { AgentStream } from "agentstream";
import { keepAgent } from "agentstream/react-query";
export const follow = (url, WebSocket) => new AgentStream(url, { WebSocket });
export const adapter = keepAgent;
`;

/** A project with the package installed as npm would, and `APPLICATION` in it, as it is and in a bundle. */
async function project(t) {
  const folder = await mkdtemp(join(tmpdir(), "agentstream-"));
  t.after(() => rm(folder, { recursive: true }));
  const { stdout } = await run("npm", ["pack", "--json", "--pack-destination", folder], { cwd: fileURLToPath(CLIENT) });
  const home = join(folder, "node_modules", "agentstream");
  await mkdir(home, { recursive: true });
  await run("tar", ["-xzf", join(folder, JSON.parse(stdout)[0].filename), "-C", home, "--strip-components=1"]);
  const [source, bundle] = ["application.mjs", "bundle.mjs"].map((name) => join(folder, name));
  await writeFile(source, APPLICATION);
  await require("esbuild").build({ entryPoints: [source], bundle: true, minify: true, format: "esm", outfile: bundle });
  return { source, bundle };
}

for (const way of ["source", "bundle"]) {
  test(`installed from its package it works in Node, by name (${way})`, async (t) => {
    const application = await import((await project(t))[way]);
    assert.equal(typeof application.adapter, "function");
    const server = await serve(t);
    const stream = application.follow(server.url, WebSocket);
    t.after(() => stream.close());
    const heard = new Promise((resolve) => stream.agent("a").on("output", ({ content }) => resolve(content)));
    const peer = await server.next();
    const { id } = await peer.next();
    peer.send(subscribed("a", id), event("a", 1, "hello"));
    assert.equal(await heard, "hello");
  });
}
