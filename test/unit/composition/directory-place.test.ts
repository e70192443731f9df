import { expect } from "chai";
import { openDirectory } from "../../../node/composition/directory-place.ts";
import { failureOf, type Role } from "../../../protocols/index.ts";
import { memberRecord } from "../../members.ts";
import { quietLog } from "../../quiet.ts";
import { Links, World } from "../../world/index.ts";
import { RowStore } from "../storage/stage.ts";

describe("the directory at its keeper", () => {
  it("takes changes of keys' rows from members that have keys, and from no other", async () => {
    const world = new World(1);
    const links = new Links(world.clock());
    const place = { kind: "embedded", host: "keeper" } as const;
    const open = (node: string) =>
      openDirectory(place, {
        node,
        cluster: "c1",
        founding: true,
        store: new RowStore(),
        exchange: links.exchange(node),
        clock: world.clock(),
        log: quietLog,
        placed: () => undefined,
      });
    const keeper = open("keeper");
    await keeper.opened();
    const stopTime = world.flow();
    try {
      const members: Record<string, readonly Role[]> = { chat: ["chat"], manager: ["manager", "storage"], storage: ["storage", "ai"] }; // prettier-ignore
      for (const [node, roles] of Object.entries(members)) {
        const row = { ...memberRecord(node), roles };
        expect((await keeper.directory.compareAndSet(`member/${node}`, row, 0)).applied).to.equal(true);
      }
      const outcomes: Record<string, string> = {};
      for (const node of [...Object.keys(members), "stranger"]) {
        links.link("keeper", node);
        const { directory } = open(node);
        outcomes[node] = await directory.compareAndSet(`keys/ring/${node}`, {}, 0).then(
          ({ applied }) => String(applied),
          (error: unknown) => failureOf(error).code,
        );
        // Everything else is every member's to change.
        expect((await directory.compareAndSet(`other/${node}`, {}, 0)).applied).to.equal(true);
      }
      expect(outcomes).to.deep.equal({ chat: "true", manager: "true", storage: "FORBIDDEN", stranger: "FORBIDDEN" });
    } finally {
      await stopTime();
    }
  });
});
