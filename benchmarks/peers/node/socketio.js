// Socket.IO with a room per agent, WebSocket transport only, no compression. Producers use a plain WebSocket beside it.
import { createServer } from "node:http";
import { Server } from "socket.io";
import { WebSocketServer } from "ws";

const http = createServer((request, response) => response.end("ok"));
const io = new Server(http, { transports: ["websocket"], perMessageDeflate: false, httpCompression: false });
io.on("connection", (socket) => {
  socket.on("subscribe:agent", (payload) => {
    socket.join(payload.agentId);
    socket.emit("subscribed", payload);
  });
});

const producers = new WebSocketServer({ noServer: true });
producers.on("connection", (socket) => {
  socket.on("message", (data) => {
    for (const line of data.toString().split("\n")) {
      const { type, payload } = JSON.parse(line);
      io.to(payload.agentId).emit(type, { payload, timestamp: new Date().toISOString() });
    }
  });
});
const listeners = http.listeners("upgrade").slice();
http.removeAllListeners("upgrade");
http.on("upgrade", (request, socket, head) => {
  if (request.url === "/publish") {
    producers.handleUpgrade(request, socket, head, (producer) => producers.emit("connection", producer));
  } else {
    for (const listener of listeners) listener.call(http, request, socket, head);
  }
});
http.listen(Number(process.env.PORT), "127.0.0.1");
