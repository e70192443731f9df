/** The peer of the start: a bare fastify server with one route. */
import fastify from "fastify";

const app = fastify();
app.get("/", () => ({ hello: "world" }));
const url = await app.listen({ host: "127.0.0.1", port: 0 });
console.log(JSON.stringify({ event: "ready", url }));
process.on("SIGTERM", () => void app.close().then(() => process.exit(0)));
