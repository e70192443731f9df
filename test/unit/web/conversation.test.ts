/** The incremental rule, for a conversation with an agent: whatever is said, edited, written anew and shown of it, what
 *  a page knows that followed it is what a page knows that comes now. */
import { expect } from "chai";
import fc from "fast-check";
import type { AgentEvent, AgentHistory, AgentState, ConversationTurn } from "../../../protocols/index.ts";
import { childrenOf, parentOf, pathTo } from "../../../protocols/answering/branches.ts";
import { agentStateOf, emptyAgent, foldAgent, readHere, type AgentModel } from "../../../web/src/model/index.ts";
import { fixtureWith, type Fixture } from "../actors/fixture.ts";
import { ended, text } from "../../fixtures/engine-answers.ts";

const ada = "user/ada";
const helper = "agent/ada.helper";

type Step =
  | { readonly does: "say" | "stop" | "regenerate" | "clear" | "answer" | "part" | "crash" }
  /** A turn, counted among those that there are. */
  | { readonly does: "edit" | "branch" | "rewrite"; readonly at: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ does: fc.constantFrom("say", "answer", "answer") }) },
  { weight: 4, arbitrary: fc.record({ does: fc.constantFrom("edit", "branch", "rewrite"), at: fc.nat({ max: 99 }) }) },
  {
    weight: 2,
    arbitrary: fc.record({ does: fc.constantFrom("regenerate", "part", "part", "stop", "crash") }),
  },
  { weight: 1, arbitrary: fc.record({ does: fc.constant("clear") }) },
);

const stateOf = (fixture: Fixture): AgentState =>
  fixture.ok<{ state: AgentState }>(ada, helper, { type: "resume" }).state;

/** All of the path that is shown, older pages included. */
function whole(fixture: Fixture, of?: number): readonly ConversationTurn[] {
  const turns: ConversationTurn[] = [];
  for (;;) {
    const before = turns[0] === undefined ? {} : { before: turns[0].turn };
    const more = of === undefined ? {} : { of };
    const page = fixture.ok<AgentHistory>(ada, helper, { type: "history", limit: 3, ...before, ...more });
    turns.unshift(...page.turns);
    if (!page.more || page.turns.length === 0) return turns;
  }
}

/** A page that follows the conversation: it loads the state anew where it misses something, as the store does. */
class Page {
  model: AgentModel = emptyAgent;
  #seen = 0;
  readonly #fixture: Fixture;

  constructor(fixture: Fixture) {
    this.#fixture = fixture;
    this.#seen = fixture.stream(helper).length;
    this.model = foldAgent(this.model, { type: "state", state: stateOf(fixture) });
  }

  hear(): void {
    const events = this.#fixture.stream(helper).slice(this.#seen);
    this.#seen += events.length;
    let misses = false;
    for (const { event } of events) {
      this.model = foldAgent(this.model, { type: "event", event: event as AgentEvent });
      misses ||= this.model.gap;
    }
    if (misses) this.model = foldAgent(this.model, { type: "state", state: stateOf(this.#fixture) });
  }
}

/** The run that writes an answer which is owed. */
const wanted = (fixture: Fixture) => fixture.running.findLast(({ id }) => !fixture.cancelled.includes(id));

function take(fixture: Fixture, one: Step, said: () => string): void {
  // What was cancelled ends when its runtime comes to it.
  if (one.does === "answer")
    for (const { id } of fixture.running.filter((run) => fixture.cancelled.includes(run.id)))
      fixture.part(id, ended("stopped"));
  const running = wanted(fixture);
  if (one.does === "answer" && running !== undefined) {
    fixture.part(running.id, text(`re ${said()}`));
    fixture.part(running.id, ended("complete"));
  }
  if (one.does === "part" && running !== undefined) fixture.part(running.id, text("half "));
  if (one.does === "crash") fixture.crash(helper);
  if (one.does === "say") fixture.do(ada, helper, { type: "say", text: said() });
  if (one.does === "stop" || one.does === "regenerate" || one.does === "clear")
    fixture.do(ada, helper, { type: one.does });
  if (!("at" in one)) return;
  const { branches = { forks: [], leaf: 0, floor: 0, last: 0 } } = stateOf(fixture);
  const shown = whole(fixture);
  const last = Math.max(branches.last, shown.at(-1)?.turn ?? 0);
  const turn = branches.floor + 1 + (one.at % Math.max(1, last - branches.floor));
  if (one.does === "branch") fixture.do(ada, helper, { type: "branch", turn });
  if (one.does === "rewrite") fixture.do(ada, helper, { type: "regenerate", turn });
  if (one.does === "edit") fixture.do(ada, helper, { type: "say", text: said(), parent: parentOf(branches, turn) });
}

/** A new conversation, after these steps; `each` after each of them. */
function after(steps: readonly Step[], each: (fixture: Fixture) => void = () => {}): Fixture {
  const fixture = fixtureWith("ada");
  fixture.ok(ada, ada, { type: "createAgent", name: "helper" });
  let count = 0;
  for (const one of steps) {
    take(fixture, one, () => `text ${(count += 1)}`);
    each(fixture);
  }
  return fixture;
}

const anyRun = fc.array(step, { minLength: 1, maxLength: 40, size: "max" });
const property = (holds: (steps: readonly Step[]) => void): void =>
  fc.assert(fc.property(anyRun, holds), { numRuns: 60 });

describe("a conversation with branches", () => {
  it("is read on another branch without being changed, until it is gone on with there", () => {
    const fixture = after([{ does: "say" }, { does: "answer" }, { does: "regenerate" }, { does: "answer" }]);
    const page = new Page(fixture);
    const read = (): readonly number[] => readHere(page.model).turns.map(({ turn }) => turn);
    const look = (of: number): void => {
      const history = fixture.ok<AgentHistory>(ada, helper, { type: "history", of });
      page.model = foldAgent(page.model, { type: "looked", of, history });
    };
    look(2);
    expect(read()).to.deep.equal([1, 2]);
    // The path that is shown goes on beside it, also with an answer.
    fixture.ok(ada, helper, { type: "say", text: "more" });
    fixture.answer("and more");
    page.hear();
    expect(read()).to.deep.equal([1, 2]);
    expect(page.model.branches.leaf).to.equal(5);
    expect(page.model.turns.map(({ turn }) => turn)).to.deep.equal([1, 3, 4, 5]);
    // Somebody chooses a third path elsewhere: the look stays.
    fixture.ok(ada, helper, { type: "say", text: "other", parent: 3 });
    page.hear();
    expect(read()).to.deep.equal([1, 2]);
    fixture.ok(ada, helper, { type: "say", text: "here", parent: 2 });
    page.hear();
    expect(page.model).to.not.have.property("look");
    expect(read()).to.deep.equal([1, 2, 8]);
    look(5);
    expect(foldAgent(page.model, { type: "lookedAway" })).to.not.have.property("look");
    // An answer of it is written anew: that path is the one that is wanted.
    page.model = foldAgent(page.model, { type: "chosen", turn: 9 });
    expect(page.model).to.not.have.property("look");
    look(5);
    fixture.ok(ada, helper, { type: "clear" });
    page.hear();
    expect(read()).to.deep.equal([]);
  });

  it("is to a page that followed it what it is to a page that comes now", () => {
    property((steps) => {
      let page: Page | undefined;
      after(steps, (fixture) => {
        page ??= new Page(fixture);
        page.hear();
        const fresh = foldAgent(emptyAgent, { type: "state", state: stateOf(fixture) });
        const known = page.model.turns;
        // A page may have loaded less of what is old; it knows that there is more.
        const path = whole(fixture);
        expect(known).to.deep.equal(known.length === 0 ? [] : path.slice(-known.length));
        if (known.length < path.length) expect(page.model.older).to.equal(true);
        expect(fresh.turns).to.deep.equal(path.slice(-fresh.turns.length || path.length));
        if (fresh.branches.forks.length > 0) expect(page.model.branches).to.deep.equal(fresh.branches);
        expect(page.model.draft?.turn).to.equal(fresh.draft?.turn);
        // What the browser keeps for a start without the node is the same conversation.
        const kept = agentStateOf(page.model) ?? expect.fail("nothing is kept");
        const again = foldAgent(emptyAgent, { type: "state", state: kept });
        expect(again.turns).to.deep.equal(known.slice(-50));
        expect(again.branches).to.deep.equal(page.model.branches);
        expect(again.draft).to.equal(undefined);
      });
    });
  });

  it("loses nothing, and shows one path of it: the model reads exactly what is shown before its answer", () => {
    property((steps) => {
      const kept = new Map<number, string>();
      const fixture = after(steps, (now) => {
        const { branches, conversation } = stateOf(now);
        const shown = whole(now);
        // What was answered stands as it was; what was forgotten is gone.
        const all = now.records(helper, "turn/").map(({ value }) => value as ConversationTurn);
        for (const { turn, role, text: says } of all)
          if (role === "user") expect(kept.get(turn) ?? says).to.equal(says);
        for (const { turn, text: says } of all) kept.set(turn, says);
        if (branches !== undefined) {
          const path = pathTo(branches, branches.leaf);
          expect(shown.every(({ turn }) => path.some(({ from, through }) => from <= turn && turn <= through))).to.equal(
            true,
          );
          for (const { turn } of all) {
            const siblings = childrenOf(branches, parentOf(branches, turn));
            expect(siblings, `${turn}`).to.include(turn);
            expect(whole(now, turn).map((one) => one.turn)).to.include(turn);
          }
        }
        expect(conversation).to.deep.equal(shown.slice(-conversation.length || shown.length));
        const running = wanted(now);
        if (running === undefined) return;
        const { draft } = stateOf(now);
        const read = running.messages.filter(({ role, continues }) => role !== "system" && continues !== true);
        expect(read.map(({ content }) => content)).to.deep.equal(
          shown
            .filter(({ turn, text: says }) => turn < (draft?.turn ?? 0) && says !== "")
            .map(({ text: says }) => says),
        );
      });
      expect(fixture.refold(helper)).to.deep.equal(fixture.stateOf(helper));
    });
  });
});
