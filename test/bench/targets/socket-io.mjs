/** The peer of the fan-out with presence: socket.io, WebSockets alone, one room that all are in but the one who posts. What comes in as `post`
 *  goes to everybody in the room, as the chat in its documentation does. */
import { createServer } from "node:http";
import { Server } from "socket.io";

const server = createServer();
const io = new Server(server, {
  transports: ["websocket"],
  perMessageDeflate: false,
  // The clients of this bench answer no pings.
  pingInterval: 3_600_000,
  pingTimeout: 3_600_000,
  serveClient: false,
});
io.on("connection", (socket) => {
  if (socket.handshake.query.posts === undefined) void socket.join("bench");
  socket.on("post", (event) => io.to("bench").emit("posted", event));
});
server.listen(0, "127.0.0.1", () => {
  console.log(JSON.stringify({ event: "ready", url: `http://127.0.0.1:${server.address().port}` }));
});
process.on("SIGTERM", () => process.exit(0));
