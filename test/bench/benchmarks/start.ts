/** From the spawn of a process to its line that it is ready. */
import { createNodeFolder, post, signUpPeople, startServer, type NodeFolder, type Server } from "../server.ts";
import type { Target, Benchmark } from "../benchmark.ts";

const people = 10;
const postsStored = 200;

async function timed(start: () => Promise<Server>): Promise<{ readonly startMs: number }> {
  const server = await start();
  await server.stop();
  return { startMs: server.startedInMs };
}

/** A folder of its own for every start. */
async function fresh(models: boolean): Promise<Target> {
  return {
    async round() {
      const folder = await createNodeFolder({ models });
      const figures = await timed(() => folder.start());
      await folder.remove();
      return figures;
    },
    stop: () => Promise.resolve(),
  };
}

/** One folder in which people have talked before. */
async function withData(): Promise<Target> {
  const folder: NodeFolder = await createNodeFolder({ models: false });
  const server = await folder.start();
  const tokens = await signUpPeople(server, people, "bench");
  for (let count = 0; count < postsStored; count += 1)
    await post(server, tokens[count % people] as string, "bench", `message ${count}`);
  await server.stop();
  return { round: () => timed(() => folder.start()), stop: () => folder.remove() };
}

const peer = async (): Promise<Target> => ({
  round: () => timed(() => startServer("targets/hello.ts", [])),
  stop: () => Promise.resolve(),
});

const row = (name: string, ours: string) =>
  ({ row: name, unit: "ms", better: "lower", figure: "startMs", ours, peers: ["fastify"] }) as const;

export const start: Benchmark = {
  name: "start",
  about: "from the spawn of a node to its ready line; the peer, as a reference, is a bare fastify server",
  warmUps: 1,
  rounds: 7,
  targets: { "plexus fresh": () => fresh(false), "plexus data": withData, "plexus model": () => fresh(true), fastify: peer },
  rows: [
    row("start/fastify/fresh-folder", "plexus fresh"),
    row("start/fastify/folder-with-data", "plexus data"),
    row("start/fastify/with-model", "plexus model"),
  ],
}; // prettier-ignore
