import { expect } from "chai";
import { usageLimits } from "../../../../node/inference/usage/limits.ts";
import { failure } from "../../../../protocols/index.ts";
import { failed, text } from "../../../fixtures/engine-answers.ts";
import { World } from "../../../world/index.ts";
import { createNode, Ledgers, pass, took } from "./fixture.ts";

const { settleIntervalMs } = usageLimits;

describe("usage of models", () => {
  it("is counted by person, key, model and provider, in the person's ledger and in everybody's", async () => {
    const world = new World(1);
    const ledgers = new Ledgers(world);
    const { call } = createNode(world, ledgers, { script: () => ({ afterMs: 250, says: [took(10, 5, 4)] }) });
    for (const more of [
      {},
      {},
      { key: "session/phone" },
      { key: "session/laptop" },
      { model: "api.example/large" },
      { person: "user/bob", key: "key/k2" },
      // In a room bob asks ada's agent: it is hers, and the turn at the model his.
      { person: "user/bob", key: "agent/ada.helper" },
      { person: "shadow", key: "smart" },
    ])
      call(more);
    await pass(world, 2 * settleIntervalMs);
    const of = (rows: ReturnType<Ledgers["rows"]>) =>
      rows.map(({ person, key, model, provider, calls }) => [person ?? key, model, provider, calls]);
    expect(of(ledgers.rows("ada"))).to.have.deep.members([
      ["key/k1", "m", "local", 2],
      ["session", "m", "local", 2],
      ["key/k1", "api.example/large", "api.example", 1],
      ["agent/ada.helper", "m", "local", 1],
    ]);
    expect(of(ledgers.rows("bob"))).to.deep.equal([["key/k2", "m", "local", 1]]);
    expect(of(ledgers.rows())).to.have.deep.members([
      ["ada", "m", "local", 5],
      ["ada", "api.example/large", "api.example", 1],
      ["bob", "m", "local", 1],
      ["", "m", "local", 1],
    ]);
    const row = ledgers.rows("ada").find(({ key, model }) => key === "key/k1" && model === "m");
    expect(row).to.deep.include({ promptTokens: 20, cachedTokens: 8, completionTokens: 10, cost: 0 });
    expect(row?.ms).to.be.within(500, 600);
  });

  it("is told in one message a ledger, however many calls there were, and not without any", async () => {
    const world = new World(1);
    const ledgers = new Ledgers(world);
    const { call } = createNode(world, ledgers);
    for (let index = 0; index < 500; index += 1) call();
    await pass(world, settleIntervalMs + 1_000);
    expect(ledgers.asked).to.equal(2);
    expect(ledgers.rows("ada")[0]?.calls).to.equal(500);
    await pass(world, 10 * settleIntervalMs);
    expect(ledgers.asked).to.equal(2);
  });

  it("counts what was heard of a call that fails, and nothing of one that did not begin", async () => {
    const world = new World(1);
    const ledgers = new Ledgers(world);
    const broken = [text("a "), text("b "), failed(failure("PROVIDER_FAILED"))];
    const { call } = createNode(world, ledgers, {
      script: ({ model }) => ({ says: model === "m" ? broken : [failed(failure("MODEL_BUSY"))] }),
    });
    call();
    call({ model: "small" });
    await pass(world, 2 * settleIntervalMs);
    expect(
      ledgers.rows("ada").map(({ model, calls, completionTokens }) => [model, calls, completionTokens]),
    ).to.deep.equal([["m", 1, 2]]);
  });

  it("is told once though answers are lost, and in the end though the ledger was away", async () => {
    const world = new World(1);
    let away = 3;
    const ledgers = new Ledgers(world, { lost: () => (away -= 1) > 0, unanswered: () => world.dice.chance(0.5) });
    const { call } = createNode(world, ledgers);
    for (let index = 0; index < 30; index += 1) {
      call();
      await pass(world, 1_000);
    }
    await pass(world, 60 * settleIntervalMs);
    expect(ledgers.rows("ada")[0]?.calls).to.equal(30);
    expect(ledgers.rows()[0]?.calls).to.equal(30);
  });

  it("keeps how much was taken when there is more to tell than there is room for", async () => {
    const world = new World(1);
    let away = true;
    const ledgers = new Ledgers(world, { lost: () => away });
    const models = Array.from({ length: 2 * usageLimits.rowsPerLedgerMax }, (_, index) => `m${index}`);
    const { call } = createNode(world, ledgers, { models });
    for (const model of models) call({ model });
    await pass(world, 10 * settleIntervalMs);
    for (const model of models) call({ model });
    await pass(world, 10 * settleIntervalMs);
    away = false;
    await pass(world, 10 * settleIntervalMs);
    const rows = ledgers.rows("ada");
    expect(rows.reduce((sum, { calls }) => sum + calls, 0)).to.equal(2 * models.length);
    expect(rows.find(({ model }) => model === "others")?.calls).to.be.above(0);
  });

  it("tells what is left when the node stops", async () => {
    const world = new World(1);
    const ledgers = new Ledgers(world);
    const { call, usage } = createNode(world, ledgers);
    call();
    await pass(world, 100);
    const stopped = usage.stop();
    await pass(world, 100);
    await stopped;
    expect(ledgers.rows("ada")[0]?.calls).to.equal(1);
  });
});
