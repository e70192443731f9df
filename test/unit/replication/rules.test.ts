import { expect } from "chai";
import fc from "fast-check";
import type { NodeId, SlotRecord } from "../../../node/ports/index.ts";
import { sameSet } from "../../../node/cluster/facts/records.ts";
import {
  committedSeq,
  handOverTo,
  isLonger,
  mayDiscard,
  mayStepUp,
  nextProposal,
  required,
  samePosition,
  type FollowerView,
} from "../../../node/replication/rules.ts";

const nodes = ["a", "b", "c", "d", "e"] as const;
const anySome = fc.subarray<NodeId>([...nodes]);

/** A record as the owner, the controller and restarts may leave it: the owner is in sync, nobody is in sync and
 *  learning. */
const anyRecord: fc.Arbitrary<SlotRecord> = fc
  .record({
    owner: fc.constantFrom<NodeId>(...nodes),
    inSync: anySome,
    learners: anySome,
    want: fc.option(fc.record({ owner: fc.constantFrom<NodeId>(...nodes), replicas: anySome }), { nil: undefined }),
  })
  .map(({ owner, inSync, learners, want }) => {
    const together = [...new Set([owner, ...inSync])];
    const record = {
      slot: "chat/7" as const,
      epoch: 3,
      owner,
      inSync: together,
      learners: learners.filter((node) => !together.includes(node)),
    };
    if (want === undefined) return record;
    return { ...record, want: { owner: want.owner, replicas: [...new Set([want.owner, ...want.replicas])] } };
  });

type Views = ReadonlyMap<NodeId, FollowerView>;

/** Of some nodes the owner knows nothing. */
const anyViews: fc.Arbitrary<Views> = fc
  .array(fc.record({ failing: fc.boolean(), slow: fc.boolean(), caughtUp: fc.boolean(), known: fc.boolean() }), {
    minLength: nodes.length,
    maxLength: nodes.length,
  })
  .map((states) => {
    const views = new Map<NodeId, FollowerView>();
    for (const [index, { failing, slow, caughtUp, known }] of states.entries()) {
      const node = nodes[index] as NodeId;
      if (known) views.set(node, { node, failing, slow, caughtUp });
    }
    return views;
  });

const allWell: Views = new Map(nodes.map((node) => [node, { node, failing: false, slow: false, caughtUp: true }]));

const isFailingOrSlow = (view: FollowerView | undefined): boolean => view?.failing === true || view?.slow === true;

const anyPosition = fc.record({ epoch: fc.nat(3), seq: fc.nat(3), checksum: fc.nat(2) });

describe("rules of replication", () => {
  describe("the next change of the replica set", () => {
    it("never leaves the owner out, nor anybody twice, nor in sync and learning", () => {
      fc.assert(
        fc.property(anyRecord, anyViews, (record, views) => {
          const next = nextProposal(record, views, 1);
          if (next === undefined) return;
          expect(next.inSync).to.include(record.owner);
          const all = [...next.inSync, ...next.learners];
          expect(new Set(all).size).to.equal(all.length);
        }),
      );
    });

    it("adds nobody who has not caught up or is failing, and only learners", () => {
      fc.assert(
        fc.property(anyRecord, anyViews, (record, views) => {
          const next = nextProposal(record, views, 1);
          for (const node of next?.inSync ?? []) {
            if (record.inSync.includes(node)) continue;
            expect(record.learners).to.include(node);
            expect(views.get(node)).to.include({ caughtUp: true, failing: false });
          }
        }),
      );
    });

    it("removes nobody who is well and wanted", () => {
      fc.assert(
        fc.property(anyRecord, anyViews, (record, views) => {
          const next = nextProposal(record, views, 1);
          if (next === undefined) return;
          const wanted = record.want?.replicas ?? [...record.inSync, ...record.learners];
          for (const node of record.inSync)
            if (!next.inSync.includes(node))
              expect(isFailingOrSlow(views.get(node)) || !wanted.includes(node), node).to.equal(true);
        }),
      );
    });

    it("does not shrink the set for a wish before everybody who is wanted is in", () => {
      fc.assert(
        fc.property(anyRecord, anyViews, (record, views) => {
          const next = nextProposal(record, views, 1);
          const left = record.inSync.filter((node) => next !== undefined && !next.inSync.includes(node));
          if (left.length === 0 || left.some((node) => isFailingOrSlow(views.get(node)))) return;
          for (const node of record.want?.replicas ?? []) expect(record.inSync).to.include(node);
          expect(record.want?.owner).to.equal(record.owner);
        }),
      );
    });

    it("is always a change", () => {
      fc.assert(
        fc.property(anyRecord, anyViews, (record, views) => {
          const next = nextProposal(record, views, 1);
          if (next === undefined) return;
          const same = sameSet(next.inSync, record.inSync) && sameSet(next.learners, record.learners);
          expect(same).to.equal(false);
        }),
      );
    });

    it("comes to rest, whoever fails, and removes each at most once", () => {
      fc.assert(
        fc.property(anyRecord, anyViews, (start, views) => {
          let record = start;
          for (let changes = 0; ; changes += 1) {
            expect(changes).to.be.at.most(4);
            const next = nextProposal(record, views, 1);
            if (next === undefined) break;
            record = { ...record, ...next };
          }
          for (const [node, { failing }] of views)
            if (failing && node !== record.owner) expect(record.inSync).to.not.include(node);
        }),
      );
    });

    it("spares a slow disk while two copies, and as many as writes need, stay without it, and takes it back when it is well or needed", () => {
      fc.assert(
        fc.property(anyRecord, anyViews, fc.integer({ min: 1, max: 3 }), (start, views, minInSync) => {
          let record = start;
          for (let next = nextProposal(record, views, minInSync); next !== undefined;) {
            record = { ...record, ...next };
            next = nextProposal(record, views, minInSync);
          }
          const least = Math.max(2, minInSync);
          const slow = record.inSync.filter((node) => node !== record.owner && views.get(node)?.slow === true);
          if (record.inSync.length > least) expect(slow).to.deep.equal([]);
          const able = record.learners.filter((node) => {
            const view = views.get(node);
            return view?.caughtUp === true && !view.failing;
          });
          if (record.inSync.length < least) expect(able).to.deep.equal([]);
          expect(able.filter((node) => views.get(node)?.slow !== true)).to.deep.equal([]);
        }),
      );
    });

    it("reaches what is wanted, the owner too, when all are well", () => {
      fc.assert(
        fc.property(anyRecord, (start) => {
          let record = start;
          for (let changes = 0; ; changes += 1) {
            expect(changes).to.be.at.most(6);
            const next = nextProposal(record, allWell, 1);
            if (next !== undefined) {
              record = { ...record, ...next };
              continue;
            }
            const owner = handOverTo(record, allWell);
            if (owner === undefined) break;
            record = { ...record, owner, epoch: record.epoch + 1 };
          }
          expect(record.learners).to.deep.equal([]);
          if (record.want === undefined) return;
          expect(record.owner).to.equal(record.want.owner);
          expect(record.inSync).to.have.members([...record.want.replicas]);
        }),
      );
    });
  });

  it("throws nothing away that has a share in the slot, nor before all who are wanted have it, and as many as writes need", () => {
    const property = fc.property(anyRecord, fc.constantFrom<NodeId>(...nodes), fc.nat(4), (record, node, minInSync) => {
      const { owner, inSync, learners, want } = record;
      const holders = new Set([owner, ...inSync, ...learners, ...(want?.replicas ?? [])]);
      const lacks = (want?.replicas ?? []).some((one) => !inSync.includes(one));
      expect(mayDiscard(record, node, minInSync)).to.equal(!holders.has(node) && !lacks && inSync.length >= minInSync);
    });
    fc.assert(property);
    const left: SlotRecord = { slot: "chat/7", epoch: 3, owner: "a", inSync: ["a"], learners: ["b"] };
    expect(mayDiscard({ ...left, want: { owner: "a", replicas: ["a", "b"] } }, "c", 1)).to.equal(false);
    expect(mayDiscard({ ...left, want: { owner: "a", replicas: ["a"] } }, "c", 1)).to.equal(true);
    expect(mayDiscard({ ...left, want: { owner: "a", replicas: ["a"] } }, "c", 2)).to.equal(false);
  });

  it("hands over only to the wanted owner, in sync, with everything", () => {
    fc.assert(
      fc.property(anyRecord, anyViews, (record, views) => {
        const to = handOverTo(record, views);
        if (to === undefined) return;
        expect(to).to.equal(record.want?.owner);
        expect(to).to.not.equal(record.owner);
        expect(record.inSync).to.include(to);
        expect(views.get(to)).to.include({ caughtUp: true, failing: false });
      }),
    );
  });

  it("R1: what is asked of the directory needs the old set and the new one, without the owner", () => {
    fc.assert(
      fc.property(anyRecord, fc.option(anySome, { nil: undefined }), (record, inSync) => {
        const proposed = inSync && { inSync, learners: [] };
        const union = new Set([...record.inSync, ...(inSync ?? [])]);
        union.delete(record.owner);
        expect(required(record, proposed)).to.have.members([...union]);
        const alone = required(record, proposed).length === 0;
        if (alone) expect(record.inSync).to.deep.equal([record.owner]);
      }),
    );
  });

  it("commits what everybody who must has, and nothing while one has not said what it has", () => {
    fc.assert(
      fc.property(fc.nat(99), fc.array(fc.option(fc.nat(99), { nil: undefined })), (own, others) => {
        const seq = committedSeq(own, others);
        if (others.includes(undefined)) expect(seq).to.equal(-1);
        else expect(seq).to.equal(Math.min(own, ...(others as number[])));
      }),
    );
  });

  it("orders histories by epoch, then by seq", () => {
    fc.assert(
      fc.property(anyPosition, anyPosition, anyPosition, (one, two, three) => {
        expect(isLonger(one, one)).to.equal(false);
        expect(isLonger(one, two) && isLonger(two, one)).to.equal(false);
        if (isLonger(one, two) && isLonger(two, three)) expect(isLonger(one, three)).to.equal(true);
        if (one.epoch > two.epoch) expect(isLonger(one, two)).to.equal(true);
        expect(samePosition(one, { ...one })).to.equal(true);
        expect(samePosition(one, two)).to.equal(
          one.epoch === two.epoch && one.seq === two.seq && one.checksum === two.checksum,
        );
      }),
    );
  });

  it("R6: a node steps up only above its fence, in sync, named as the owner, with a whole copy", () => {
    fc.assert(
      fc.property(anyRecord, fc.nat(6), fc.boolean(), fc.constantFrom(...nodes), (record, fence, incomplete, node) => {
        const may = mayStepUp(node, record, { fence, incomplete });
        expect(may).to.equal(node === record.owner && fence < record.epoch && !incomplete);
      }),
    );
    const record = { owner: "a", epoch: 9, inSync: ["b"] };
    expect(mayStepUp("a", record, { fence: 1, incomplete: false })).to.equal(false);
  });
});
