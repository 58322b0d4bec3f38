/** What the page hears from the browser: the network is back, the tab is in front again. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { AgentStream } from "../../clients/js/agentstream.js";
import { FAST, WebSocket, later, serve, until } from "./scripted.mjs";

/** Just enough of a page for the client's two listeners. */
function pretendPage(t) {
  const page = new EventTarget();
  const document = Object.assign(new EventTarget(), { visibilityState: "visible" });
  Object.assign(globalThis, { document, addEventListener: page.addEventListener.bind(page) });
  t.after(() => {
    delete globalThis.document;
    delete globalThis.addEventListener;
  });
  const show = (visibilityState) => {
    document.visibilityState = visibilityState;
    document.dispatchEvent(new Event("visibilitychange"));
  };
  return { online: () => page.dispatchEvent(new Event("online")), show };
}

async function waitingFarAway(t, server) {
  t.mock.method(Math, "random", () => 1);
  const stream = new AgentStream(server.url, { WebSocket, timing: { ...FAST, minDelay: 60_000, maxDelay: 60_000 } });
  t.after(() => stream.close());
  (await server.next()).kill();
  await until(stream, "reconnecting");
  return stream;
}

test("it retries at once when the browser comes online", async (t) => {
  const page = pretendPage(t);
  const server = await serve(t);
  await waitingFarAway(t, server);
  page.online();
  await server.next();
});

test("it retries at once when the tab becomes visible, not when it is hidden", async (t) => {
  const page = pretendPage(t);
  const server = await serve(t);
  await waitingFarAway(t, server);
  page.show("hidden");
  await later(30);
  assert.equal(server.unread, 0);
  page.show("visible");
  await server.next();
});

test("a tab that becomes visible checks that the connection still works", async (t) => {
  const page = pretendPage(t);
  const server = await serve(t);
  const stream = new AgentStream(server.url, { WebSocket, timing: FAST });
  t.after(() => stream.close());
  const peer = await server.next();
  await until(stream, "live");
  page.show("visible");
  assert.equal((await peer.next()).type, "ping");
  await server.next();
});

test("a closed stream removes its listeners from the page", async (t) => {
  const page = pretendPage(t);
  const server = await serve(t);
  const stream = await waitingFarAway(t, server);
  stream.close();
  page.online();
  await later(30);
  assert.equal(server.unread, 0);
});
