/** Ours, without the actors: an exchange on the real mesh. Two processes, which are told of each other. Shows what the
 *  way between two nodes costs by itself. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createExchange } from "../../../node/cluster/exchange/index.ts";
import { openNodeKey, startMesh } from "../../../node/cluster/mesh/index.ts";
import { createClock, createMetrics, createRandom } from "../../../node/platform/index.ts";
import type { MemberRecord } from "../../../node/ports/index.ts";
import { failure, ok, refused, type ActorId, type Result } from "../../../protocols/index.ts";
import { memberRecord } from "../../fixtures/members.ts";
import { drive, driveAll, payload, type Load } from "./drive.ts";
import { log } from "./ports.ts";
import { serve } from "./serve.ts";

const [node = ""] = process.argv.slice(2);
const folder = await mkdtemp(join(tmpdir(), "plexus-bench-mesh-"));
const clock = createClock();
const { meter } = createMetrics();
let members: readonly MemberRecord[] = [];
let changed: () => void = () => undefined;
const mesh = await startMesh({
  node,
  cluster: "bench",
  version: "0.1.0",
  incarnation: 1,
  key: await openNodeKey(folder),
  listen: { host: "127.0.0.1", port: 0 },
  members: () => members,
  onMembersChange(listener) {
    changed = listener;
    return () => undefined;
  },
  peers: [],
  mdns: false,
  clock,
  random: createRandom(),
  log,
  meter,
});
const exchange = createExchange({ transport: mesh.transport, clock, log, meter });
let other: string | undefined;
const met = new Promise<void>((resolve) => {
  exchange.onPeer({
    connected(peer) {
      other = peer;
      resolve();
    },
  });
});

// The frame of one question to an actor, and of its answer. Number -1 asks for none.
let count = 0;
exchange.on("routing.envelopes", ({ envelopes }, from) => {
  count += envelopes.length;
  for (const [correlation] of envelopes)
    if (correlation !== -1) exchange.send(from, "routing.answers", { answers: [[correlation, ok(count), true, 0]] });
});
const asked = new Map<number, (result: Result<unknown>) => void>();
exchange.on("routing.answers", ({ answers }) => {
  for (const [correlation, result] of answers) {
    asked.get(correlation)?.(result);
    asked.delete(correlation);
  }
});
let lastAsked = -1;
const message = { type: "bump", text: payload };
const to = "counter/k0" as ActorId;
const envelopes = (correlation: number) => ({
  slot: "chat/0" as const,
  session: 1,
  epoch: 1,
  refusals: 0,
  envelopes: [[correlation, to, "user/bench", message, "o1", true, []]] as [
    [number, ActorId, ActorId, { readonly type: string }, string, boolean, ActorId[]],
  ],
});

async function ask(): Promise<unknown> {
  lastAsked -= 1;
  const correlation = lastAsked;
  const answer = await new Promise<Result<unknown>>((resolve) => {
    asked.set(correlation, resolve);
    if (!exchange.send(other ?? "", "routing.envelopes", envelopes(correlation)))
      resolve(refused(failure("UNREACHABLE")));
  });
  if (!answer.ok) throw new Error(`refused: ${JSON.stringify(answer.error)}`);
  return answer.value;
}

serve({
  record: () => memberRecord(node, { peer: mesh.peer, addresses: mesh.addresses() }),
  meet(given: { readonly members: readonly MemberRecord[] }) {
    members = given.members;
    changed();
    return met;
  },
  volatile: ({ loads }: { readonly loads: Readonly<Record<string, Load>> }) => driveAll(loads, ask),
  tell: (load: Load & { readonly weight: number }) =>
    drive(load, () => {
      for (let sent = 0; sent < load.weight; sent += 1) {
        if (!exchange.send(other ?? "", "routing.envelopes", envelopes(-1))) throw new Error("the queue is full");
      }
      return ask();
    }),
  async stop() {
    await mesh.stop(1_000);
    await rm(folder, { recursive: true, force: true });
  },
});
