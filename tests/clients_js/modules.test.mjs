/** The dashboard's modules as modules. */
import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import { register } from "node:module";
import { test } from "node:test";

const JS = new URL("../../static/js/", import.meta.url);

// The server serves clients/js as /static/clients/js.
const HOOK = `export const resolve = (specifier, context, next) =>
  next(specifier.replace(/^.*\\/clients\\/js\\//, ${JSON.stringify(new URL("../../clients/js/", import.meta.url).href)}), context);`;
register(`data:text/javascript,${encodeURIComponent(HOOK)}`);

let opened = 0;
Object.assign(globalThis, {
  WebSocket: class {
    constructor() {
      opened++;
    }
    close() {}
  },
  HTMLElement: class {},
  customElements: { define() {} },
  document: { querySelectorAll: () => [], querySelector: () => null, body: { dataset: {} }, addEventListener() {} },
  location: { href: "http://localhost/" },
  addEventListener() {},
});

test("importing a module opens no WebSocket; using the connection does", async () => {
  const paths = await readdir(JS, { recursive: true });
  const shared = paths.filter((path) => path.includes("/") && path.endsWith(".js"));
  assert.ok(shared.includes("transcript/transcript.js") && shared.includes("lib/connection.js"), shared.join());
  const modules = await Promise.all(shared.map((path) => import(new URL(path, JS).href)));
  const { connection } = modules[shared.indexOf("lib/connection.js")];
  try {
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(opened, 0);
    connection();
    while (!opened) await new Promise((resolve) => setImmediate(resolve));
  } finally {
    connection().close();
  }
});
