// The design this project succeeds: Fastify + @fastify/websocket, a Map of clients with Sets of agent and workspace ids,
// one JSON.stringify per broadcast, one send per subscriber.
import Fastify from "fastify";
import websocket from "@fastify/websocket";
import { randomUUID } from "node:crypto";

const clients = new Map();

function broadcast(agentId, type, payload) {
  const message = JSON.stringify({ type, payload, timestamp: new Date().toISOString() });
  for (const client of clients.values()) {
    if (client.agents.has(agentId) && client.socket.readyState === 1) client.socket.send(message);
  }
}

function handle(client, text) {
  const { type, payload } = JSON.parse(text);
  if (type === "subscribe:agent") client.agents.add(payload.agentId);
  else if (type === "subscribe:workspace") client.workspaces.add(payload.workspaceId);
  else return;
  client.socket.send(JSON.stringify({ type: "subscribed", payload, timestamp: new Date().toISOString() }));
}

const app = Fastify({ logger: false });
await app.register(websocket, { options: { perMessageDeflate: false, maxPayload: 1 << 20 } });

app.get("/ws", { websocket: true }, (socket) => {
  const id = randomUUID();
  const client = { socket, agents: new Set(), workspaces: new Set() };
  clients.set(id, client);
  socket.on("message", (data) => handle(client, data.toString()));
  socket.on("close", () => clients.delete(id));
  socket.on("error", () => clients.delete(id));
});

app.get("/publish", { websocket: true }, (socket) => {
  socket.on("message", (data) => {
    for (const line of data.toString().split("\n")) {
      const { type, payload } = JSON.parse(line);
      broadcast(payload.agentId, type, payload);
    }
  });
});

app.get("/healthz", async () => "ok");
await app.listen({ host: "127.0.0.1", port: Number(process.env.PORT) });
