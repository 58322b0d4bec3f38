/** A token is not sent unencrypted to another machine, unless that is asked for. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { AgentStream } from "../../clients/js/agentstream.js";

/** Connects to nothing. */
class NoSocket {
  close() {}
}

const open = (url, options) => new AgentStream(url, { WebSocket: NoSocket, ...options }).close();

// Ends every attempt before it would fetch a ticket.
globalThis.fetch = async () => new Response("", { status: 401 });

const REMOTE = [
  "http://agents.example/ws/",
  "ws://192.0.2.1:8000/ws/",
  "ws://localhost.evil.example/",
  "ws://127.0.0.1.evil.example/",
  "ws://[2001:db8::1]/",
];
const LOCAL = [
  "http://127.0.0.1:8000/ws/",
  "ws://127.9.9.9/ws/",
  "ws://localhost/ws/",
  "ws://a.localhost/ws/",
  "ws://[::1]:80/ws/",
];

for (const url of REMOTE) {
  test(`a token is not sent unencrypted to ${url}`, () => {
    assert.throws(
      () => open(url, { token: "secret" }),
      (error) => error.message.includes("Expected wss://") && !error.message.includes("secret"),
    );
    open(url, { token: "secret", insecure: true });
    open(url);
    open(url, { ticket: () => "single use" });
  });
}

for (const url of [...LOCAL, "https://agents.example/ws/", "wss://agents.example/ws/"]) {
  test(`a token may be sent to ${url}`, () => open(url, { token: "secret" }));
}
