import { expect } from "chai";
import { failure, ok, refused, type Failure, type HolderSums, type ShardsView } from "../../../protocols/index.ts";
import { controlToken, startClusterFixture, type ClusterFixture } from "./cluster-fixture.ts";

const sums: HolderSums = {
  held: { shards: 3, bytes: 3_000 },
  lost: { shards: 1, bytes: 1_000 },
  trash: { shards: 0, bytes: 0 },
  at: { node: "id-of-node-a", missing: 0, sinceMs: 1 },
};
const placed: ShardsView = {
  places: 2,
  nodes: [{ node: "id-of-node-a", name: "node-a", up: true, trust: "probation", sinceMs: 5, usedBytes: 3_000 }],
  groups: [
    {
      name: "g1",
      width: 3,
      open: true,
      holders: [
        { holder: "shard-holder/g1.0", owner: "id-of-node-a", node: "node-a", status: "ok" },
        { holder: "shard-holder/g1.1", owner: "id-of-node-b", node: "node-b", status: "down" },
        { holder: "shard-holder/g1.2" },
      ],
    },
  ],
};

describe("the routes of shards", () => {
  let fixture: ClusterFixture;
  const asked: unknown[] = [];
  let answers = true;
  before(async () => {
    fixture = await startClusterFixture();
    fixture.answers = { groups: () => placed };
    fixture.cluster = (message) => {
      asked.push(message);
      if (!answers) return refused(failure("SLOT_UNAVAILABLE"));
      return message.type === "sums" ? ok(sums) : ok({ shards: [] });
    };
  });
  after(() => fixture.stop());
  beforeEach(() => (asked.length = 0));

  async function get(path: string, token = controlToken) {
    const response = await fetch(`${fixture.gateway.url}/api/v1/admin/shards${path}`, {
      headers: { ...(token !== "" && { authorization: `Bearer ${token}` }) },
    });
    return { status: response.status, body: (await response.json()) as { error?: Failure } & ShardsView };
  }

  it("are for admins alone", async () => {
    for (const path of ["", "/g1/0/inventory"]) expect((await get(path, "")).status, path).to.equal(401);
    expect(asked).to.deep.equal([]);
  });

  it("show where holders are and what they say, and ask only those that can answer", async () => {
    const { body } = await get("");
    expect(body.places).to.equal(2);
    expect(body.nodes).to.deep.equal(placed.nodes);
    const [holders] = body.groups.map((group) => group.holders);
    expect(holders?.map((row) => row.sums)).to.deep.equal([sums, undefined, undefined]);
    expect(asked).to.have.length(1);
  });

  it("show a holder without what it holds when it does not answer", async () => {
    answers = false;
    const { body } = await get("");
    answers = true;
    expect(body.groups[0]?.holders[0]).to.deep.include({ node: "node-a", error: "SLOT_UNAVAILABLE" });
  });

  it("give pages of a holder's inventory, and make no holder by asking", async () => {
    expect((await get("/g1/0/inventory?only=lost&limit=20")).status).to.equal(200);
    expect(asked).to.deep.equal([{ type: "list", only: "lost", limit: 20 }]);
    for (const path of ["/g1/2/inventory", "/g7/0/inventory"])
      expect((await get(path)).body.error?.code, path).to.equal("NOT_FOUND");
    expect((await get("/g1/0/inventory?only=all")).body.error?.code).to.equal("BAD_REQUEST");
    expect(asked).to.have.length(1);
  });
});
