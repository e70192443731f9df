import { expect } from "chai";
import fc from "fast-check";
import { clientLimits as limits } from "../../../client/index.ts";
import { failure, type ClientFrame, type ErrorCode } from "../../../protocols/index.ts";
import { settled } from "../../world/index.ts";
import { ScriptedCluster, type ScriptedNode, type Session } from "./scripted-cluster.ts";

const topic = "room/den";

/** Longer than a node remembers operations. */
const nightMs = 8 * 3_600_000;

/** One room as all nodes of a cluster serve it: a change under a known operation id is answered as it was at first. */
class Room {
  readonly events: string[] = [];
  readonly #answers = new Map<string, { readonly seq: number }>();
  readonly #followers = new Set<Session>();

  serve(frame: ClientFrame, session: Session, refuse: ErrorCode | undefined, runs: boolean): void {
    if (frame.do === "unsubscribe") this.#followers.delete(session);
    if (frame.do === "subscribe" && refuse === undefined) {
      const after = frame.cursor;
      session.say({
        re: frame.id,
        ok: { head: this.events.length, ...(after === undefined && { state: [...this.events] }) },
      });
      for (const [index, event] of this.events.entries())
        if (after !== undefined && index >= after) session.say({ topic, at: index + 1, event });
      this.#followers.add(session);
    } else if (frame.do === "room.post" && (refuse === undefined || runs)) {
      const answer = this.#answers.get(frame.operationId ?? "") ?? this.#post((frame.with as { text: string }).text);
      this.#answers.set(frame.operationId ?? "", answer);
      session.say(refuse === undefined ? { re: frame.id, ok: answer } : { re: frame.id, error: failure(refuse) });
    } else if (refuse !== undefined && frame.do !== "unsubscribe")
      session.say({ re: frame.id, error: failure(refuse) });
  }

  /** As after a long time: known operations are so no longer. */
  forget(): void {
    this.#answers.clear();
  }

  #post(text: string): { readonly seq: number } {
    this.events.push(text);
    for (const session of this.#followers)
      if (session.open) session.say({ topic, at: this.events.length, event: text });
      else this.#followers.delete(session);
    return { seq: this.events.length };
  }
}

/** What the cluster does to its clients between two posts. */
const trouble = fc.oneof(
  fc.record({ type: fc.constant("drop" as const), node: fc.nat(1) }),
  fc.record({ type: fc.constant("die" as const), node: fc.nat(1) }),
  fc.record({ type: fc.constant("start" as const), node: fc.nat(1) }),
  fc.record({ type: fc.constant("cutOff" as const), node: fc.nat(1) }),
  fc.record({ type: fc.constant("well" as const), node: fc.nat(1) }),
  fc.record({
    type: fc.constant("refuse" as const),
    node: fc.nat(1),
    code: fc.constantFrom<ErrorCode>("MOVED", "SLOT_UNAVAILABLE", "RATE_LIMITED", "ASK_TIMEOUT", "PEER_LOST"),
  }),
  fc.record({ type: fc.constant("lost" as const), node: fc.nat(1) }),
  fc.record({ type: fc.constant("post" as const), node: fc.nat(1) }),
  fc.record({ type: fc.constant("sleep" as const), node: fc.nat(1) }),
);

interface Step {
  readonly trouble: { readonly type: string; readonly node: number; readonly code?: ErrorCode };
  readonly passMs: number;
}

const story = fc.array(fc.record({ trouble, passMs: fc.nat(3_000) }), { minLength: 1, maxLength: 40 });

/** Plays a story; gives what became of every post, what was seen, and what is true. */
async function play(steps: readonly Step[], packets: readonly number[]) {
  const world = new ScriptedCluster();
  let packet = 0;
  world.travel = () => packets[packet++ % packets.length] ?? 1;
  const room = new Room();
  const nodes: ScriptedNode[] = [];
  const refusals: (ErrorCode | undefined)[] = [undefined, undefined];
  for (const index of [0, 1]) {
    const node = world.node(`n${index}`, () => nodes.filter((other) => other !== node).map(({ place }) => place));
    // Every second command of an outcome that is unknown has run.
    let unknowns = 0;
    node.onFrame = (frame, session) => {
      const refuse = refusals[index];
      const isUnknown = refuse !== undefined && failure(refuse).outcome === "unknown";
      if (isUnknown) unknowns += 1;
      room.serve(frame, session, refuse, isUnknown && unknowns % 2 === 0);
    };
    nodes.push(node);
  }
  const client = world.client({ urls: nodes.map(({ place }) => place.url) });
  const seen: string[] = [];
  let known = 0;
  const stop = client.follow(topic, {
    state(state, head) {
      seen.length = 0;
      seen.push(...(state as unknown as string[]));
      known = head;
    },
    event(event, at) {
      expect(at, "in order, with no gap").to.equal(known + 1);
      known = at;
      seen.push(event as unknown as string);
    },
    refused: (reason) => expect.fail(reason.code),
  });
  const answers = new Map<string, string[]>();
  const post = (text: string): void => {
    const told: string[] = [];
    answers.set(text, told);
    void client.call("room.post", "den", { text }).then((result) => {
      told.push(result.ok ? `ok ${result.value.seq}` : result.error.outcome);
    });
  };
  for (const [index, step] of steps.entries()) {
    const { type, node: at, code } = step.trouble;
    const node = nodes[at] as ScriptedNode;
    const session = node.sessions.at(-1);
    if (type === "drop") session?.drop();
    else if (type === "die") node.die();
    else if (type === "start") node.state = "well";
    else if (type === "refuse") refusals[at] = code;
    else if (type === "lost" && session?.open === true) session.say({ topic, lost: failure("OVERLOADED") });
    else if (type === "sleep") {
      for (const { sessions } of nodes) sessions.at(-1)?.drop();
      world.sleep(nightMs);
      room.forget();
    } else if (type === "cutOff" || type === "well") {
      const degraded = { reason: failure("NODE_DEGRADED"), nodes: [nodes[1 - at]?.place ?? node.place] };
      Object.assign(node.hello, { degraded: type === "cutOff" ? degraded : undefined });
      if (session?.open === true) session.say({ degraded: type === "cutOff" ? degraded : null });
    }
    if (type === "well" || type === "start") refusals[at] = undefined;
    post(`post ${index}`);
    world.pass(step.passMs);
    await settled();
  }
  for (const [index, node] of nodes.entries()) {
    node.state = "well";
    Object.assign(node.hello, { degraded: undefined });
    refusals[index] = undefined;
  }
  world.pass(limits.answerTimeoutMs + limits.lastAnswerTimeoutMs + limits.backoffMaxMs * 2);
  await settled();
  stop();
  client.close();
  return { room, seen, answers };
}

describe("a client in a cluster that loses connections, nodes and answers", () => {
  it("answers each command once, applies it at most once, and shows every event once and in order", async () => {
    await fc.assert(
      fc.asyncProperty(story, fc.array(fc.nat(40), { minLength: 1, maxLength: 7 }), async (steps, packets) => {
        const { room, seen, answers } = await play(steps, packets);
        expect(seen, "what is seen in the end is what there is").to.deep.equal(room.events);
        expect(new Set(room.events).size, "each at most once").to.equal(room.events.length);
        for (const [text, told] of answers) {
          expect(told, text).to.have.length(1);
          const [outcome = ""] = told;
          if (outcome.startsWith("ok")) expect(room.events[Number(outcome.slice(3)) - 1], text).to.equal(text);
          else if (outcome !== "unknown") expect(room.events, `${text} is ${outcome}`).to.not.include(text);
        }
      }),
      { numRuns: 150 },
    );
  });
});
