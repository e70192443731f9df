import { expect } from "chai";
import fc from "fast-check";
import {
  chooseHolders,
  countsOf,
  enoughOf,
  namesOfClass,
  schemeFor,
  schemeText,
  usualOf,
  widthOf,
  type Candidate,
} from "../../../../node/bulk/shards/coding/index.ts";
import { overheadOf, problemOf, usualSchemes } from "../../../../node/bulk/shards/coding/scheme.ts";
import { rankGroups, survivesZone } from "../../../../node/bulk/shards/coding/choose.ts";
import { choosePlace, type NodeCondition } from "../../../../node/bulk/shards/placing.ts";
import { allowedBytes, roomAt, withinQuota } from "../../../../node/bulk/shards/quota.ts";
import type { BlobHash, OwnedBlobs } from "../../../../node/ports/index.ts";
import { failure, failureOf, PlexusError, schemesFrom, type Scheme } from "../../../../protocols/index.ts";

const rs = (k: number, m: number): Scheme => ({ type: "rs", k, m });
const copies = (count: number): Scheme => ({ type: "copies", copies: count });
const usual = { name: "attachments", schemes: usualSchemes };

describe("schemes", () => {
  it("are copies with few holders and Reed–Solomon with more", () => {
    const chosen = Array.from({ length: 14 }, (_, holders) => {
      const scheme = schemeFor(usual, holders);
      return scheme.ok ? schemeText(scheme.value) : scheme.error.code;
    });
    expect(chosen).to.deep.equal([
      "HOLDERS_TOO_FEW",
      "HOLDERS_TOO_FEW",
      "2 copies",
      "3 copies",
      "3 copies",
      "3 + 2",
      "4 + 2",
      "4 + 2",
      "4 + 4",
      "4 + 4",
      "4 + 4",
      "4 + 4",
      "8 + 4",
      "8 + 4",
    ]);
  });

  it("have manifests of backups on at least five nodes, or on all there are", () => {
    const settings = { name: "backup.manifest", schemes: usualOf("backup.manifest") };
    expect(problemOf(settings)).to.equal(undefined);
    for (let holders = 2; holders < 40; holders += 1) {
      const scheme = schemeFor(settings, holders);
      expect(scheme.ok && widthOf(scheme.value), `${holders} holders`).to.be.at.least(Math.min(holders, 5));
    }
    expect(usualOf("backup.pack")).to.equal(usualSchemes);
  });

  it("are set for a class, for those that its name begins with, or for all", () => {
    expect(namesOfClass("backup.pack")).to.deep.equal(["backup.pack", "backup", "default"]);
    expect(namesOfClass("attachments")).to.deep.equal(["attachments", "default"]);
  });

  it("say how many holders would do when there are too few", () => {
    const refusal = schemeFor({ name: "backups", schemes: [rs(8, 4), rs(4, 2)] }, 5);
    expect(refusal.ok ? undefined : refusal.error).to.deep.include({
      code: "HOLDERS_TOO_FEW",
      details: { class: "backups", holders: 5, needed: 6 },
    });
  });

  it("survive no fewer losses with more holders, and never need more than there are", () => {
    let before = 0;
    for (let holders = 2; holders < 40; holders += 1) {
      const scheme = schemeFor(usual, holders);
      if (!scheme.ok) return expect.fail(`${holders} holders`);
      expect(widthOf(scheme.value)).to.be.at.most(holders);
      expect(countsOf(scheme.value).m).to.be.at.least(before);
      before = countsOf(scheme.value).m;
    }
    return undefined;
  });

  it("acknowledge what survives the loss of half of what may be lost, right away", () => {
    expect([rs(4, 2), rs(4, 4), rs(8, 4), rs(3, 2), copies(3), copies(2), copies(1)].map(enoughOf)).to.deep.equal([
      5, 6, 10, 4, 2, 2, 1,
    ]);
    expect([rs(4, 2), rs(8, 4), copies(3)].map(overheadOf)).to.deep.equal([1.5, 1.5, 3]);
  });

  it("are refused as settings when they cannot be, or would never be taken", () => {
    expect(problemOf(usual)).to.equal(undefined);
    for (const [schemes, said] of [
      [[], "no scheme"],
      [[rs(60, 5)], "60 + 5"],
      [[rs(0, 2)], "0 + 2"],
      [[rs(4, 0)], "4 + 0"],
      [[rs(1.5, 1)], "1.5"],
      [[copies(0)], "0 copies"],
      [[rs(4, 2), copies(6)], "never"],
      [[copies(2), rs(4, 2)], "never"],
    ] as const)
      expect(problemOf({ name: "x", schemes })).to.include(said);
  });
});

describe("schemes as text", () => {
  it("are what they say, and the usual ones can be said", () => {
    expect(schemesFrom("8+4/4+4/4+2/3+2/3/2")).to.deep.equal(usualSchemes);
    expect(schemesFrom("1")).to.deep.equal([copies(1)]);
  });

  it("can be used as settings, whatever they are, or are none", () => {
    const part = fc.oneof(fc.stringMatching(/^[0-9]{1,2}(\+[0-9]{1,2})?$/), fc.string({ maxLength: 4 }));
    fc.assert(
      fc.property(fc.array(part, { maxLength: 4 }), (parts) => {
        const schemes = schemesFrom(parts.join("/"));
        if (schemes !== undefined) expect(problemOf({ name: "x", schemes })).to.equal(undefined);
      }),
    );
  });

  it("are taken for the class that they are set for", () => {
    const members = Array.from({ length: 6 }, (_, index) => ({ node: `node-${index}`, labels: {} }));
    const ports = {
      groups: () => [{ name: "g1", width: 6, open: true }],
      table: { get: (slot: string) => ({ record: { owner: `node-${slot.split(".")[1]}` } }) },
      membership: { members: () => ({ members }), isStaying: () => true },
      conditionOf: () => ({ reliability: 1, freeBytes: 1e12 }),
      schemesOf: (name: string) => (name === "backup" ? schemesFrom("3+3/2") : undefined),
    } as unknown as Parameters<typeof choosePlace>[0];
    const chosen = (name: string): string => {
      const place = choosePlace(ports, { class: name, bytes: 1 });
      return place.ok ? schemeText(place.value.scheme) : place.error.code;
    };
    expect(["backup", "other"].map(chosen)).to.deep.equal(["3 + 3", "4 + 2"]);
  });

  it("are those that there are trusted nodes with room for; who is refused learns what would do", () => {
    const members = Array.from({ length: 6 }, (_, index) => ({ node: `node-${index}`, labels: {} }));
    const chosen = (conditionOf: (index: number) => NodeCondition, bytes = 1_000): string => {
      const ports = {
        groups: () => [{ name: "g1", width: 6, open: true }],
        table: { get: (slot: string) => ({ record: { owner: `node-${slot.split(".")[1]}` } }) },
        membership: { members: () => ({ members }), isStaying: () => true },
        conditionOf: (node: string) => conditionOf(Number(node.slice(5))),
      } as unknown as Parameters<typeof choosePlace>[0];
      const place = choosePlace(ports, { class: "bulk", bytes });
      return place.ok ? schemeText(place.value.scheme) : `${place.error.code} ${JSON.stringify(place.error.details)}`;
    };
    const roomy = { reliability: 1, freeBytes: 1e9 };
    expect(chosen(() => roomy)).to.equal("4 + 2");
    expect(
      chosen((index) => (index < 1 ? { ...roomy, freeBytes: 100 } : roomy)),
      "one is full",
    ).to.equal("3 + 2");
    expect(chosen(() => ({ ...roomy, freeBytes: 400 }))).to.equal("4 + 2");
    expect(chosen(() => ({ ...roomy, freeBytes: 100 }))).to.match(/^DISK_FULL/);
    expect(chosen((index) => ({ ...roomy, trust: index < 3 ? "trusted" : "probation" }))).to.equal("3 copies");
    expect(chosen((index) => ({ ...roomy, trust: index < 1 ? "trusted" : index < 3 ? "suspect" : "new" }))).to.equal(
      'HOLDERS_TOO_FEW {"class":"bulk","holders":1,"needed":2,"untrusted":5}',
    );
  });
});

describe("what a cluster allows of nodes", () => {
  it("leaves a node out of stripes of classes that are not its own", () => {
    const members = Array.from({ length: 4 }, (_, index) => ({
      node: `node-${index}`,
      labels: {},
      ...(index < 2 && { storage: { classes: ["backup"] } }),
    }));
    const ports = {
      groups: () => [{ name: "g1", width: 4, open: true }],
      table: { get: (slot: string) => ({ record: { owner: `node-${slot.split(".")[1]}` } }) },
      membership: { members: () => ({ members }), isStaying: () => true },
      conditionOf: () => ({ reliability: 1, freeBytes: 1e9 }),
    } as unknown as Parameters<typeof choosePlace>[0];
    const placesOf = (name: string) => {
      const place = choosePlace(ports, { class: name, bytes: 1_000 });
      const places = place.ok ? place.value.places("stripe", 500, new Set()) : place;
      return places.ok ? places.value.toSorted((one, other) => one - other) : places.error.code;
    };
    expect(placesOf("attachment")).to.deep.equal([2, 3]);
    expect(placesOf("backup.manifest")).to.deep.equal([0, 1, 2, 3]);
    expect(placesOf("backups")).to.deep.equal([2, 3]);
  });

  it("is the smaller of what is given and what is allowed, and does not rest on the room that a node says it has", () => {
    expect(allowedBytes(undefined, undefined)).to.equal(undefined);
    expect(allowedBytes(5, { classes: ["backup"] })).to.equal(5);
    expect([
      allowedBytes(5, { quotaBytes: 7 }),
      allowedBytes(9, { quotaBytes: 7 }),
      allowedBytes(undefined, { quotaBytes: 7 }),
    ]).to.deep.equal([5, 7, 7]);
    expect(roomAt({ shardRoomBytes: 1e12, shardBytes: 60 }, { quotaBytes: 100 })).to.equal(40);
    expect(roomAt({ shardRoomBytes: 1e12, shardBytes: 600 }, { quotaBytes: 100 })).to.equal(0);
    expect(roomAt({ shardRoomBytes: 10, shardBytes: 60 }, { quotaBytes: 100 })).to.equal(10);
    expect([
      roomAt({}, undefined),
      roomAt({ shardRoomBytes: 3 }, undefined),
      roomAt({}, { quotaBytes: 9 }),
    ]).to.deep.equal([undefined, 3, 9]);
  });

  it("is not passed by what arrives at once, and what fails or is there already takes nothing of it", async () => {
    const kept = new Map<BlobHash, number>();
    const ends = new Map<BlobHash, (isWell: boolean) => void>();
    const total = (): number => [...kept.values()].reduce((sum, bytes) => sum + bytes, 0);
    const blobs = { usedBytes: total, has: async (hash: BlobHash) => kept.get(hash) };
    const take: OwnedBlobs["take"] = async ([hash], _stream, bytes) => {
      const isWell = await new Promise<boolean>((resolve) => ends.set(hash, resolve));
      if (!isWell) throw new PlexusError(failure("PEER_LOST", { node: "sender" }));
      kept.set(hash, bytes);
    };
    const owned = withinQuota({ blobs, take } as OwnedBlobs, () => 64);
    const offer = (name: string): Promise<string> =>
      owned.take([name, "shard-holder/g.1"], (async function* () {})(), 8).then(
        () => "kept",
        (error: unknown) => failureOf(error).code,
      );
    /** Lets what was begun come as far as it comes. */
    const turn = () => new Promise<void>((resolve) => setImmediate(resolve));
    const offered = Array.from({ length: 32 }, (_, index) => offer(`blob-${index}`));
    await turn();
    expect([ends.size, owned.blobs.usedBytes(), total()]).to.deep.equal([8, 64, 0]);
    ends.get("blob-0")?.(false);
    for (let index = 1; index < 8; index += 1) ends.get(`blob-${index}`)?.(true);
    const ended = await Promise.all(offered);
    expect(ended.slice(0, 8)).to.deep.equal(["PEER_LOST", ...Array<string>(7).fill("kept")]);
    expect(new Set(ended.slice(8))).to.deep.equal(new Set(["DISK_FULL"]));
    expect([total(), owned.blobs.usedBytes()]).to.deep.equal([56, 56]);
    const again = [offer("blob-1"), offer("blob-40"), offer("blob-41")];
    await turn();
    for (const name of ["blob-1", "blob-40", "blob-41"]) ends.get(name)?.(true);
    expect(await Promise.all(again)).to.deep.equal(["kept", "kept", "DISK_FULL"]);
    expect(total()).to.equal(64);
  });
});

const candidates = (count: number, change: (index: number) => Partial<Candidate> = () => ({})): Candidate[] =>
  Array.from({ length: count }, (_, index) => ({
    index,
    node: `node-${index}`,
    reliability: 1,
    freeBytes: 1e12,
    ...change(index),
  }));
const need = (scheme: Scheme) => ({ scheme, shardBytes: 1_000 });
const chosenFor = (stripe: string, scheme: Scheme, among: readonly Candidate[]): readonly Candidate[] => {
  const chosen = chooseHolders(stripe, need(scheme), among);
  return chosen.ok ? chosen.value : expect.fail(JSON.stringify(chosen.error));
};
const stripes = (count: number): string[] => Array.from({ length: count }, (_, number) => `stripe${number}`);

describe("the choice of holders", () => {
  const arbitrary = fc.array(
    fc.record({
      node: fc.integer({ min: 0, max: 9 }).map((node) => `node-${node}`),
      zone: fc.option(fc.constantFrom("a", "b", "c"), { nil: undefined }),
      reliability: fc.constantFrom(0, 0.5, 1),
      freeBytes: fc.constantFrom(0, 5_000, 1e9, 1e12),
    }),
    { maxLength: 16 },
  );

  it("puts shards on distinct nodes with room, in as many zones as there are, whoever computes it", () => {
    fc.assert(
      fc.property(arbitrary, fc.integer({ min: 1, max: 6 }), fc.string(), (made, width, stripe) => {
        // A node is in one zone.
        const zones = new Map(made.map(({ node, zone }) => [node, zone]));
        const all = made.map((each, index): Candidate => ({ ...each, zone: zones.get(each.node), index }));
        const able = all.filter(({ reliability, freeBytes }) => reliability > 0 && freeBytes >= 1_000);
        const nodes = new Set(able.map(({ node }) => node));
        const chosen = chooseHolders(stripe, need(copies(width)), all);
        expect(chosen.ok).to.equal(nodes.size >= width);
        if (!chosen.ok) return void expect(chosen.error.details).to.deep.equal({ holders: nodes.size, needed: width });
        const { value } = chosen;
        expect(new Set(value.map(({ node }) => node)).size).to.equal(width);
        expect(value.every((each) => able.includes(each))).to.equal(true);
        const zoneOf = (node: string): string => zones.get(node) ?? node;
        const inZone = (zone: string, among: Iterable<string>) =>
          [...among].filter((node) => zoneOf(node) === zone).length;
        // A zone has two more than another only where that has no more nodes.
        const taken = value.map(({ node }) => node);
        const allZones = new Set([...nodes].map(zoneOf));
        for (const full of allZones)
          for (const other of allZones)
            if (inZone(full, taken) > inZone(other, taken) + 1) {
              const most = Math.max(...[...allZones].map((zone) => inZone(zone, taken)));
              const places = [...allZones].reduce((sum, zone) => sum + Math.min(most - 1, inZone(zone, nodes)), 0);
              expect(places, "no zone must have so many").to.be.below(width);
            }
        // In another order of candidates the same.
        expect(chooseHolders(stripe, need(copies(width)), all.toReversed())).to.deep.equal(chosen);
        return undefined;
      }),
      { numRuns: 300 },
    );
  });

  it("gives each holder stripes in proportion to its room and reliability", () => {
    const all = candidates(6, (index) => ({
      freeBytes: index < 2 ? 2e12 : 1e12,
      reliability: index === 5 ? 0.25 : 1,
    }));
    const counts = new Map<number, number>();
    for (const stripe of stripes(8_000)) {
      const [first] = chosenFor(stripe, copies(1), all);
      counts.set((first as Candidate).index, (counts.get((first as Candidate).index) ?? 0) + 1);
    }
    // 2 : 2 : 1 : 1 : 1 : ¼ of 8,000; three times the deviation of a fair draw.
    for (const [index, weight] of [2, 2, 1, 1, 1, 0.25].entries()) {
      const expected = (8_000 * weight) / 7.25;
      expect(counts.get(index), `holder ${index}`).to.be.closeTo(expected, 3.5 * Math.sqrt(expected));
    }
  });

  it("moves only what a new holder gets", () => {
    const [few, more] = [candidates(8), candidates(9)];
    let moved = 0;
    for (const stripe of stripes(500)) {
      const before = chosenFor(stripe, copies(3), few).map(({ index }) => index);
      const after = chosenFor(stripe, copies(3), more).map(({ index }) => index);
      const fresh = after.filter((index) => !before.includes(index));
      expect(fresh.every((index) => index === 8)).to.equal(true);
      moved += fresh.length;
    }
    // A third of nine: 3/9 of the stripes have one shard at the new one.
    expect(moved).to.be.within(120, 215);
  });

  it("survives the loss of a zone where zones are as many as that needs", () => {
    const zoned = candidates(12, (index) => ({ zone: `zone-${index % 3}` }));
    const two = candidates(12, (index) => ({ zone: `zone-${index % 2}` }));
    for (const stripe of stripes(50)) {
      expect(survivesZone(rs(8, 4), chosenFor(stripe, rs(8, 4), zoned))).to.equal(true);
      expect(survivesZone(rs(4, 2), chosenFor(stripe, rs(4, 2), zoned))).to.equal(true);
      expect(survivesZone(rs(4, 2), chosenFor(stripe, rs(4, 2), two))).to.equal(false);
    }
  });

  it("spreads stripes over groups by their room, and never to one that has none", () => {
    const groups = [
      { name: "g1", freeBytes: 3e12 },
      { name: "g2", freeBytes: 1e12 },
      { name: "g3", freeBytes: 0 },
    ];
    const first = stripes(2_000).map((stripe) => rankGroups(stripe, groups).map(({ name }) => name));
    expect(first.every((names) => names.length === 2)).to.equal(true);
    expect(first.filter(([name]) => name === "g1").length).to.be.within(1_400, 1_600);
  });
});
