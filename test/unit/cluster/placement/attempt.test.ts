import { expect } from "chai";
import { unavailable } from "../../../../node/cluster/directory/row.ts";
import { attempt, type Attempt } from "../../../../node/cluster/placement/attempt.ts";
import type { Directory } from "../../../../node/ports/index.ts";
import { ok, type Result } from "../../../../protocols/index.ts";

/** A directory that takes changes and cannot be read. */
const halfAway: Directory = {
  read: () => Promise.reject(unavailable("UNREACHABLE")),
  list: () => Promise.reject(unavailable("UNREACHABLE")),
  compareAndSet: () => Promise.resolve({ applied: true, row: undefined }),
  watch: () => () => undefined,
};

const codeOf = (result: Result<unknown>): string => (result.ok ? "ok" : result.error.code);

describe("an attempt of an admin's command", () => {
  it("is safe to repeat when it changed nothing itself, whatever other commands change at the same moment", async () => {
    const changing = attempt(halfAway, async ({ directory }) => {
      await directory.compareAndSet("member/a", {}, 0);
      return ok(await directory.read("member/a"));
    });
    const reading = attempt(halfAway, async ({ directory }) => {
      // The other one's change is made while this one waits.
      await changing;
      return ok(await directory.read("member/a"));
    });
    expect(codeOf(await changing)).to.equal("DIRECTORY_UNAVAILABLE");
    expect(codeOf(await reading)).to.equal("DIRECTORY_AWAY");
  });

  it("is not safe once it has asked for something else that may happen", async () => {
    const asking = async ({ directory, changes }: Attempt): Promise<Result<unknown>> => {
      changes();
      return ok(await directory.list("slot/"));
    };
    expect(codeOf(await attempt(halfAway, asking))).to.equal("DIRECTORY_UNAVAILABLE");
  });
});
