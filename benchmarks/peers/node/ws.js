// Plain `ws`, as lean as it gets: a Set of sockets per agent, one Buffer per broadcast.
import { createServer } from "node:http";
import { WebSocketServer } from "ws";

const rooms = new Map();

function broadcast({ type, payload }) {
  const members = rooms.get(payload.agentId);
  if (!members) return;
  const message = Buffer.from(JSON.stringify({ type, payload, timestamp: new Date().toISOString() }));
  for (const socket of members) if (socket.readyState === 1) socket.send(message, { binary: false });
}

function subscribe(socket, payload) {
  const { agentId } = payload;
  if (!rooms.has(agentId)) rooms.set(agentId, new Set());
  rooms.get(agentId).add(socket);
  socket.on("close", () => rooms.get(agentId).delete(socket));
  socket.send(JSON.stringify({ type: "subscribed", payload }));
}

const http = createServer((request, response) => response.end("ok"));
const server = new WebSocketServer({ server: http, perMessageDeflate: false });
server.on("connection", (socket, request) => {
  const publishing = request.url === "/publish";
  socket.on("error", () => socket.terminate());
  socket.on("message", (data) => {
    for (const line of data.toString().split("\n")) {
      const message = JSON.parse(line);
      if (publishing) broadcast(message);
      else if (message.type === "subscribe:agent") subscribe(socket, message.payload);
    }
  });
});
http.listen(Number(process.env.PORT), "127.0.0.1");
