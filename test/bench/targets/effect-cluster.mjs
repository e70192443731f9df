/** The peer `@effect/cluster`: one runner, messages and replies persisted in SQLite through its own libsql driver.
 *
 *  In its favour: tracing is off, and its entity keeps the count in memory only. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ClusterSchema, Entity, SingleRunner } from "@effect/cluster";
import { Rpc } from "@effect/rpc";
import { LibsqlClient } from "@effect/sql-libsql";
import { Effect, Layer, Logger, LogLevel, ManagedRuntime, Schema } from "effect";
import { drive, payload } from "./drive.ts";
import { serve } from "./serve.ts";

const Add = Rpc.make("Add", {
  payload: { id: Schema.String, text: Schema.String },
  primaryKey: ({ id }) => id,
  success: Schema.Number,
})
  .annotate(ClusterSchema.Persisted, true)
  .annotate(ClusterSchema.ClientTracingEnabled, false);
const Bump = Rpc.make("Bump", { payload: { text: Schema.String }, success: Schema.Number }).annotate(
  ClusterSchema.ClientTracingEnabled,
  false,
);
const Counter = Entity.make("Counter", [Add, Bump]);
const CounterLive = Counter.toLayer(
  Effect.sync(() => {
    let count = 0;
    const next = () => Effect.sync(() => (count += 1));
    return { Add: next, Bump: next };
  }),
);

const folder = await mkdtemp(join(tmpdir(), "plexus-bench-effect-"));
const Sql = LibsqlClient.layer({ url: `file:${join(folder, "cluster.db")}`, intMode: "bigint" });
// `wal` as argument: SQLite as somebody would set it who wants the most of it and still a sync for each commit.
const Settings = Layer.effectDiscard(
  Effect.gen(function* () {
    if (!process.argv.includes("wal")) return;
    const sql = yield* LibsqlClient.LibsqlClient;
    yield* sql`PRAGMA journal_mode = WAL`;
    yield* sql`PRAGMA synchronous = FULL`;
  }),
);
const Live = CounterLive.pipe(
  Layer.provideMerge(SingleRunner.layer({ runnerStorage: "memory", shardingConfig: { entityMaxIdleTime: "10 minutes" } })),
  Layer.provide(Settings.pipe(Layer.provideMerge(Sql))),
  Layer.provide(Logger.minimumLogLevel(LogLevel.Warning)),
); // prettier-ignore
const runtime = ManagedRuntime.make(Live);
const client = await runtime.runPromise(Counter.client);

let operations = 0;
const add = (key) => {
  operations += 1;
  return runtime.runPromise(client(key).Add({ id: `o${operations}`, text: payload }));
};
const bump = (key) => runtime.runPromise(client(key).Bump({ text: payload }));

// Each key counts from 1 again in a new process, so the answers say how often its entity ran.
const counted = new Map();
let fresh = 0;

serve({
  async durable(load) {
    const answered = new Map();
    const driven = await drive(load, async (lane) => {
      const count = await add(`k${lane}`);
      answered.set(lane, (answered.get(lane) ?? 0) + 1);
      counted.set(lane, Math.max(counted.get(lane) ?? 0, count));
    });
    return driven;
  },
  activate: ({ how, ...load }) =>
    drive(load, () => {
      fresh += 1;
      return how === "durable" ? add(`fresh${fresh}`) : bump(`fresh${fresh}`);
    }),
  async stop() {
    await runtime.dispose();
    await rm(folder, { recursive: true, force: true });
  },
});
