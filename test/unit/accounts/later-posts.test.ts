import { expect } from "chai";
import { failure, ok, refused, type ErrorCode, type Result } from "../../../protocols/index.ts";
import { createLaterPosts } from "../../../node/accounts/later-posts.ts";
import type { Request } from "../../../node/kernel/api.ts";
import { World } from "../../world/index.ts";

type Parts = Parameters<typeof createLaterPosts>[0];

/** A node at which ada's posts are refused by their quota, and a room that answers what is asked under an operation. */
function openPosts(said: Result<unknown>) {
  const asked: Request[] = [];
  const before = createLaterPosts({
    node: "n1",
    clock: new World(1).clock(),
    membership: { members: () => ({ members: [] }) },
    facts: { clusterRoles: { table: () => new Map() } },
    async ask(request: Request) {
      if (request.to.startsWith("role-manager/") || request.to.startsWith("user/")) return ok({ roles: ["member"] });
      asked.push(request);
      return said;
    },
    usage: { admit: async () => refused(failure("QUOTA_EXCEEDED")) },
  } as unknown as Parts);
  const post = { from: "user/ada", to: "room/lobby", message: { type: "post", text: "hi" }, operationId: "user/ada:7" };
  return { asked, answer: async () => before(post as never) };
}

describe("a post that an account sends again", () => {
  for (const [what, said, becomes] of [
    ["is in the room already", ok({ seq: 4, at: 9, atMs: 1 }), "passes"],
    ["is not in the room", ok({ room: "lobby", title: "", memberCount: 1 }), "refused"],
    ["is of somebody the room does not know", refused(failure("NOT_A_MEMBER")), "refused"],
    ["cannot be asked for", refused(failure("ASK_TIMEOUT")), "SLOT_UNAVAILABLE"],
    ["cannot be asked for by a slot that moves", refused(failure("MOVED", {})), "SLOT_UNAVAILABLE"],
  ] as readonly (readonly [string, Result<unknown>, string])[])
    it(`${what}, and ${becomes === "passes" ? "is not called unsent" : `is ${becomes}`}`, async () => {
      const { asked, answer } = openPosts(said);
      const admitted = await answer();
      const code: ErrorCode | "passes" | undefined = admitted?.ok === true ? "passes" : admitted?.error.code;
      expect(asked.map(({ from, to, operationId, message: { type } }) => [from, to, operationId, type])).to.deep.equal([
        ["user/ada", "room/lobby", "user/ada:7", "summary"],
      ]);
      expect(code === "passes" || code === "SLOT_UNAVAILABLE" ? code : "refused").to.equal(becomes);
    });
});
