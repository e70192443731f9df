/** Agents of a node alone that are asked and answer: the real kernel, journal, Level store and agents, and the echo as
 *  their model. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { agent } from "../../../actors/agent/index.ts";
import type { AnyBehavior } from "../../../actors/behavior.ts";
import { createClock, createMetrics, createRandom, openLevelStore } from "../../../node/platform/index.ts";
import type { ActorId, AgentView } from "../../../protocols/index.ts";
import { createEchoRuntime } from "../../../runtimes/echo/echo.ts";
import { startAlone } from "../../fixtures/alone.ts";
import { drive, payload, type Load } from "./drive.ts";
import { log } from "./ports.ts";
import { serve } from "./serve.ts";

const timeoutMs = 60_000;
const folder = await mkdtemp(join(tmpdir(), "plexus-bench-agents-"));
const clock = createClock();
const { meter } = createMetrics();
const store = await openLevelStore(folder);
// As many places as anybody needs: what is measured is the way to the model and back.
const echo = createEchoRuntime({ clock, sequences: 1_024, tokensPerPart: 1_024 });
const { peer } = await startAlone({
  node: "bench",
  store,
  behaviors: [agent as AnyBehavior],
  engines: echo.engines,
  clock,
  random: createRandom(),
  log,
  meter,
});

/** An agent of a person of its own: people take turns at a model, and one would wait for itself. */
interface Asked {
  readonly id: ActorId;
  readonly owner: `user/${string}`;
  answers: number;
  onAnswer: () => void;
}

const agents: Asked[] = [];

async function ask({ id, owner }: Asked, message: { readonly type: string } & Readonly<Record<string, unknown>>) {
  const answer = await peer.kernel.ask({ to: id, from: owner, message, timeoutMs });
  if (!answer.ok) throw new Error(`${id} refused: ${JSON.stringify(answer.error)}`);
  return answer.value;
}

async function agentAt(lane: number): Promise<Asked> {
  const asked: Asked = {
    id: `agent/p${lane}.a`,
    owner: `user/p${lane}`,
    answers: 0,
    onAnswer: () => undefined,
  };
  await ask(asked, { type: "create" });
  peer.hub.follow(asked.id, (event) => {
    if ((event as { readonly type: string }).type !== "answered") return;
    asked.answers += 1;
    asked.onAnswer();
  });
  return asked;
}

serve({
  /** From the question to the durable answer; an agent is asked again when it has answered. */
  async converse(load: Load) {
    while (agents.length < load.lanes) agents.push(await agentAt(agents.length));
    // A long conversation is another question: of what a model reads.
    for (const one of agents) await ask(one, { type: "clear" });
    for (const one of agents) one.answers = 0;
    const driven = await drive(load, async (lane) => {
      const one = agents[lane] as Asked;
      const answered = new Promise<void>((resolve) => (one.onAnswer = resolve));
      await ask(one, { type: "say", text: payload });
      await answered;
    });
    let turns = 0;
    for (const one of agents) turns += ((await ask(one, { type: "describe" })) as AgentView).turns;
    const answers = agents.reduce((sum, one) => sum + one.answers, 0);
    if (answers !== driven.operations || turns !== 2 * answers)
      throw new Error(`${turns} turns and ${answers} answers of ${driven.operations} questions`);
    return driven;
  },
  async stop() {
    await peer.stop(5_000);
    await echo.stop(1_000);
    await store.close();
    await rm(folder, { recursive: true, force: true });
  },
});
