import { expect } from "chai";
import fc from "fast-check";
import type { Exchange } from "../../../node/cluster/exchange/index.ts";
import { createConfirmations, type Confirmations } from "../../../node/replication/confirmations.ts";
import { replicationLimits } from "../../../node/replication/limits.ts";
import { failure, ok, refused, type Result, type SlotId } from "../../../protocols/index.ts";
import { World } from "../../world/index.ts";

interface Call {
  readonly to: string;
  readonly slots: readonly (readonly [SlotId, number])[];
  answer(result: Result<unknown>): void;
}

/** The peers' side: what they were asked, answered when the test says so. Time passes when the test says so. */
class Desk {
  readonly calls: Call[] = [];
  readonly confirmations: Confirmations;
  readonly #world = new World(1);

  constructor(confirmSlotsMax: number = replicationLimits.confirmSlotsMax) {
    const clock = this.#world.clock();
    const exchange = {
      call: (to: string, name: string, { slots }: { slots: Call["slots"] }) => {
        expect(name).to.equal("replica.confirm");
        return new Promise((resolve) => void this.calls.push({ to, slots, answer: resolve as Call["answer"] }));
      },
    } as unknown as Exchange;
    this.confirmations = createConfirmations({ exchange, clock, limits: { ...replicationLimits, confirmSlotsMax } });
  }

  /** Everything that is due happens, and what follows from it; with `later`, also what waits for a time. */
  async pass({ later = false } = {}): Promise<void> {
    await this.#world.pass(0);
    if (later) await this.#world.pass(replicationLimits.tickIntervalMs);
  }

  /** Keeps what each question came to: undefined until it has. */
  ask(node: string, slot: SlotId, epoch: number, needed = (): boolean => true): { readonly settled: unknown[] } {
    const settled: unknown[] = [];
    this.confirmations.ask(node, slot, epoch, needed, (fence) => void settled.push(fence ?? "stands"));
    return { settled };
  }
}

const stands = ok({ gone: [] });
const gone = (...rows: readonly (readonly [SlotId, number])[]): Result<unknown> => ok({ gone: rows });

describe("questions about epochs", () => {
  it("travel together, one call per peer at a time", async () => {
    const desk = new Desk();
    const asked = [desk.ask("b", "chat/1", 1), desk.ask("b", "chat/2", 4), desk.ask("b", "chat/1", 1)];
    const other = desk.ask("c", "chat/1", 1);
    await desk.pass();
    expect(desk.calls.map(({ to, slots }) => [to, slots])).to.deep.equal([
      ["b", [["chat/1", 1], ["chat/2", 4]]],
      ["c", [["chat/1", 1]]],
    ]); // prettier-ignore
    desk.calls[0]?.answer(stands);
    await desk.pass();
    expect(asked.map(({ settled }) => settled)).to.deep.equal([["stands"], ["stands"], ["stands"]]);
    expect(other.settled).to.deep.equal([]);
    expect(desk.calls).to.have.length(2);
  });

  it("are answered by a call that was sent after they were asked", async () => {
    const desk = new Desk();
    const first = desk.ask("b", "chat/1", 1);
    await desk.pass();
    const second = desk.ask("b", "chat/1", 1);
    await desk.pass({ later: true });
    expect(desk.calls).to.have.length(1);
    desk.calls[0]?.answer(stands);
    await desk.pass();
    expect([first.settled, second.settled]).to.deep.equal([["stands"], []]);
    expect(desk.calls).to.have.length(2);
    desk.calls[1]?.answer(gone(["chat/1", 2]));
    await desk.pass();
    expect([first.settled, second.settled]).to.deep.equal([["stands"], [2]]);
  });

  it("are asked again when no answer came, until one comes", async () => {
    const desk = new Desk();
    const question = desk.ask("b", "chat/1", 1);
    for (let lost = 0; lost < 3; lost += 1) {
      await desk.pass({ later: true });
      expect(desk.calls).to.have.length(lost + 1);
      desk.calls[lost]?.answer(refused(failure("PEER_LOST", {})));
      await desk.pass();
      expect(question.settled).to.deep.equal([]);
      expect(desk.calls).to.have.length(lost + 1);
    }
    await desk.pass({ later: true });
    desk.calls[3]?.answer(stands);
    await desk.pass();
    expect(question.settled).to.deep.equal(["stands"]);
  });

  it("are asked again of a peer that has restarted and knows no epoch yet", async () => {
    const desk = new Desk();
    const question = desk.ask("b", "chat/1", 3);
    await desk.pass();
    desk.calls[0]?.answer(gone(["chat/1", 0]));
    await desk.pass({ later: true });
    expect(question.settled).to.deep.equal([]);
    desk.calls[1]?.answer(stands);
    await desk.pass();
    expect(question.settled).to.deep.equal(["stands"]);
  });

  it("count as answered when the peer is not needed any more, also while its answer is lost", async () => {
    const desk = new Desk();
    let needed = true;
    const question = desk.ask("b", "chat/1", 1, () => needed);
    await desk.pass();
    needed = false;
    desk.calls[0]?.answer(refused(failure("PEER_LOST", {})));
    await desk.pass({ later: true });
    expect(question.settled).to.deep.equal(["stands"]);
    expect(desk.calls).to.have.length(1);
    expect(desk.confirmations.open).to.equal(0);
  });

  it("that do not fit into one message go with the next", async () => {
    const desk = new Desk(2);
    const questions = (["chat/1", "chat/2", "chat/3"] as const).map((slot) => desk.ask("b", slot, 1));
    await desk.pass();
    expect(desk.calls.map(({ slots }) => slots.length)).to.deep.equal([2]);
    expect(desk.confirmations.open).to.equal(1);
    desk.calls[0]?.answer(stands);
    await desk.pass();
    desk.calls[1]?.answer(stands);
    await desk.pass();
    expect(questions.map(({ settled }) => settled)).to.deep.equal([["stands"], ["stands"], ["stands"]]);
  });

  it("settle exactly once, truly, by a call begun after they were asked, whatever is lost", async () => {
    const anyRound = fc.record({
      asks: fc.array(
        fc.record({ slot: fc.constantFrom<SlotId>("chat/1", "chat/2"), epoch: fc.integer({ min: 1, max: 3 }) }),
        {
          maxLength: 4,
        },
      ),
      lost: fc.boolean(),
      /** The peer's fence moves to this. */
      fence: fc.integer({ min: 0, max: 3 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(anyRound, { minLength: 1, maxLength: 8 }), async (rounds) => {
        const desk = new Desk();
        const asked: { readonly epoch: number; readonly atCall: number; readonly settled: unknown[] }[] = [];
        const answers: number[] = [];
        let fence = 0;
        const answer = (lost: boolean): void => {
          const call = desk.calls[answers.length];
          if (call === undefined) return;
          const behind = call.slots.filter(([, epoch]) => fence === 0 || fence > epoch);
          answers.push(lost ? -1 : fence);
          call.answer(
            lost ? refused(failure("PEER_LOST", {})) : gone(...behind.map(([slot]) => [slot, fence] as const)),
          );
        };
        for (const round of rounds) {
          for (const { slot, epoch } of round.asks)
            asked.push({ epoch, atCall: desk.calls.length, ...desk.ask("b", slot, epoch) });
          await desk.pass({ later: true });
          fence = Math.max(fence, round.fence);
          answer(round.lost);
          await desk.pass();
        }
        fence = Math.max(fence, 1);
        while (desk.confirmations.open > 0 || answers.length < desk.calls.length) {
          answer(false);
          await desk.pass({ later: true });
        }
        for (const { epoch, atCall, settled } of asked) {
          expect(settled).to.have.length(1);
          // Some call after it saw the peer with a fence that says so.
          const seen = answers.slice(atCall).filter((each) => each > 0);
          const stood = seen.some((each) => each <= epoch);
          const over = seen.some((each) => each > epoch);
          expect(settled[0] === "stands" ? stood : over).to.equal(true);
        }
      }),
      { numRuns: 60 },
    );
  });
});
