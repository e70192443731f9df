import { expect } from "chai";
import { followFirstAdmin, registerNode } from "../../../node/accounts/first-admin.ts";
import type { Config } from "../../../config/index.ts";
import { failure, failureOf, ok, refused, type Result } from "../../../protocols/index.ts";
import { memberRecord } from "../../fixtures/members.ts";

/** A role-manager that may be away, on a clock that the test owns. */
function pretendCluster(start: { readonly adminNeeded: boolean; readonly known?: boolean }) {
  const world = { adminNeeded: start.adminNeeded, away: false, isNonsense: false, asked: 0, kept: 0 };
  let timers: (() => void)[] = [];
  const firstAdmin = followFirstAdmin({
    kernel: {
      ask(): Promise<Result<unknown>> {
        world.asked += 1;
        const { adminNeeded } = world;
        if (world.isNonsense) return Promise.resolve(ok(undefined));
        return Promise.resolve(world.away ? refused(failure("ASK_TIMEOUT")) : ok({ adminNeeded }));
      },
    },
    clock: {
      after(_delayMs, callback) {
        timers.push(callback);
        return () => (timers = timers.filter((other) => other !== callback));
      },
    },
    known: start.known ?? false,
    keep: () => (world.kept += 1),
  });
  /** Lets what is under way end, then the next look begin and end. */
  const settle = () => new Promise((resolve) => setImmediate(resolve));
  const look = async () => {
    for (const callback of timers.splice(0)) callback();
    await settle();
  };
  return { world, firstAdmin, settle, look, timers: () => timers.length };
}

const codeOf = (asked: Promise<boolean>) => asked.then(String, (error: unknown) => failureOf(error).code);

describe("what a node knows of the first admin", () => {
  it("is kept once there is one, and nobody is asked again, as when the manager's node is down", async () => {
    const { world, firstAdmin, settle, timers } = pretendCluster({ adminNeeded: false });
    await settle();
    expect(world).to.include({ asked: 1, kept: 1 });
    world.away = true;
    expect(await firstAdmin.needed()).to.equal(false);
    expect(world).to.include({ asked: 1, kept: 1 });
    expect(timers(), "nothing is looked for any more").to.equal(0);
  });

  it("holds after a restart without asking", async () => {
    const { world, firstAdmin, settle, timers } = pretendCluster({ adminNeeded: false, known: true });
    world.away = true;
    await settle();
    expect(await firstAdmin.needed()).to.equal(false);
    expect([world.asked, world.kept, timers()]).to.deep.equal([0, 0, 0]);
  });

  it("is not kept because of an answer that says nothing of it", async () => {
    const { world, firstAdmin, settle } = pretendCluster({ adminNeeded: true });
    await settle();
    world.isNonsense = true;
    expect(await firstAdmin.needed()).to.equal(true);
    expect(world.kept).to.equal(0);
  });

  it("is looked for until there is one, so that it is known before anybody asks here", async () => {
    const { world, firstAdmin, settle, look, timers } = pretendCluster({ adminNeeded: true });
    await settle();
    expect(await firstAdmin.needed()).to.equal(true);
    world.away = true;
    await look();
    world.away = false;
    await look();
    expect([world.kept, timers()]).to.deep.equal([0, 1]);
    world.adminNeeded = false;
    await look();
    world.away = true;
    expect(await firstAdmin.needed()).to.equal(false);
    expect([world.kept, timers()]).to.deep.equal([1, 0]);
  });

  it("is refused where nobody can say, and looked for no more by a node that stops", async () => {
    const { world, firstAdmin, settle, look, timers } = pretendCluster({ adminNeeded: true });
    world.away = true;
    await settle();
    expect(await codeOf(firstAdmin.needed())).to.equal("SLOT_UNAVAILABLE");
    const before = world.asked;
    firstAdmin.stop();
    await look();
    expect([world.asked, timers()]).to.deep.equal([before, 0]);
  });
});

describe("that a node has started", () => {
  it("is told until it is heard, and no more once it stops", async () => {
    const answers: Result<unknown>[] = [refused(failure("NOT_IN_SYNC")), refused(failure("ASK_TIMEOUT")), ok({})];
    const codes: unknown[] = [];
    let timers: (() => void)[] = [];
    const settle = () => new Promise((resolve) => setImmediate(resolve));
    const registering = () =>
      registerNode(
        {
          kernel: {
            ask({ message }) {
              codes.push((message as { adminCodeHash?: string }).adminCodeHash);
              return Promise.resolve(answers.shift() ?? refused(failure("ASK_TIMEOUT")));
            },
          },
          clock: {
            after(_delayMs, callback) {
              timers.push(callback);
              return () => (timers = timers.filter((other) => other !== callback));
            },
          },
        },
        { row: memberRecord("n1"), config: { models: [] } as unknown as Config, adminCodeHash: "hash" },
      );
    const first = registering();
    expect(await first.attempted.catch((error: unknown) => failureOf(error).code)).to.equal("NOT_IN_SYNC");
    while (timers.length > 0) {
      for (const callback of timers.splice(0)) callback();
      await settle();
    }
    expect(codes).to.deep.equal(["hash", "hash", "hash"]);
    const second = registering();
    await second.attempted.catch(() => undefined);
    second.stop();
    expect(timers).to.deep.equal([]);
  });
});
