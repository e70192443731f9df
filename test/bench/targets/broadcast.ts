/** The peer of the fan-out: a bare `ws` server that sends what comes in on `/post` to everybody on `/ws`, as the
 *  broadcast example in the documentation of `ws` does. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { WebSocketServer, type WebSocket } from "ws";

const server = createServer();
const sockets = new WebSocketServer({ server, perMessageDeflate: false, clientTracking: false });
const readers = new Set<WebSocket>();
sockets.on("connection", (socket, request) => {
  socket.on("error", () => socket.terminate());
  if (request.url === "/post") {
    socket.on("message", (data) => {
      for (const reader of readers) if (reader.readyState === 1) reader.send(data, { binary: false });
    });
    return;
  }
  readers.add(socket);
  socket.on("close", () => readers.delete(socket));
});
server.listen(0, "127.0.0.1", () => {
  console.log(JSON.stringify({ event: "ready", url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }));
});
process.on("SIGTERM", () => process.exit(0));
