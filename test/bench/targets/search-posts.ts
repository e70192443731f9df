/** Rooms of one node that people post in; with `indexed`, its index of messages follows. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { behaviors } from "../../../actors/index.ts";
import { createClock, createMetrics, createRandom, openLevelStore } from "../../../node/platform/index.ts";
import { indexInThread } from "../../../node/search/index.ts";
import { searchTerms, type ActorId } from "../../../protocols/index.ts";
import { startAlone } from "../../fixtures/alone.ts";
import { log, noEngines } from "./ports.ts";
import { serve } from "./serve.ts";

const isIndexed = process.argv.includes("indexed");
const folder = await mkdtemp(join(tmpdir(), "plexus-bench-posts-"));
const clock = createClock();
const store = await openLevelStore(join(folder, "journal"));
const index = indexInThread({ file: join(folder, "search", "index"), hides: () => false, hasRoom: () => true });
const { peer } = await startAlone({
  node: "bench",
  store,
  behaviors,
  engines: noEngines,
  clock,
  random: createRandom(),
  log,
  meter: createMetrics().meter,
  search: isIndexed ? index : null,
});

const rooms = Array.from({ length: 64 }, (_, at): ActorId => `room/r${at}`);
const postsEach = 150;
const timeoutMs = 30_000;
const ask = async (to: ActorId, message: { readonly type: string; readonly [field: string]: unknown }) => {
  const answer = await peer.kernel.ask({ to, from: "user/ada", message, timeoutMs });
  if (!answer.ok) throw new Error(JSON.stringify(answer.error));
  return answer.value;
};
const text = (at: number): string =>
  `the ${at}th line of ada says that the meeting about budget number ${at % 97} is at ten`;

const person = { type: "create", passwordHash: "argon", displayName: "ada" };
const made = await peer.kernel.ask({ to: "user/ada", from: "gateway", message: person, timeoutMs });
if (!made.ok) throw new Error(JSON.stringify(made.error));
for (const room of rooms) await ask(room, { type: "create", visibility: "public" });
let posted = 0;

/** Whether the index has followed: what was posted last is found. */
async function followed(): Promise<void> {
  for (;;) {
    const found = await peer.search?.find({ terms: searchTerms("line"), limit: 50 }, rooms);
    const isWhole = found?.unreachable.length === 0 && found.covered.every(({ behind }) => behind === undefined);
    if (isWhole && found.hits.length === 50) return;
  }
}

serve({
  async post() {
    const [sinceMs, before] = [performance.now(), process.threadCpuUsage()];
    await Promise.all(
      rooms.map(async (room) => {
        for (let at = 0; at < postsEach; at += 1) await ask(room, { type: "post", text: text((posted += 1)) });
      }),
    );
    const tookMs = performance.now() - sinceMs;
    const { user, system } = process.threadCpuUsage(before);
    if (isIndexed) await followed();
    const count = rooms.length * postsEach;
    return { perSecond: count / (tookMs / 1_000), threadCpuUs: (user + system) / count };
  },
  async stop() {
    await peer.stop(5_000);
    await store.close();
    await rm(folder, { recursive: true, force: true });
  },
});
