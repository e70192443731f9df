import { expect } from "chai";
import { attachmentLimits, type AttachmentLimits } from "../../../../node/bulk/attachments/limits.ts";
import { createMoving } from "../../../../node/bulk/attachments/moving.ts";
import type { AttachmentPorts } from "../../../../node/bulk/attachments/ports.ts";
import { createReading } from "../../../../node/bulk/attachments/reading.ts";
import { hashOf } from "../../../../node/bulk/blobs/index.ts";
import { failure, ok, refused, type ActorId, type StripeRef } from "../../../../protocols/index.ts";
import { quietLog, quietMeter } from "../../../fixtures/quiet.ts";
import { moment } from "../../../waits.ts";
import { World } from "../../../world/index.ts";

const room: ActorId = "room/lobby";
const part = (of: number): Uint8Array => Uint8Array.of(of & 0xff, of >> 8, 1);
const other = (of: number): Uint8Array => Uint8Array.of(of & 0xff, of >> 8, 2);
const partsOf = (of: number): readonly string[] => [hashOf(part(of)), hashOf(other(of))];

/** Files of two parts each, by their numbers. */
function openPorts(count: number, stripes: object, limits: Partial<AttachmentLimits> = {}) {
  const world = new World(1);
  const settled: string[] = [];
  const pieces = new Map(
    Array.from({ length: count }, (_, of) => partsOf(of).map((hash) => [hash, of] as const)).flat(),
  );
  const isStriped = (of: number): boolean => settled.includes(String(of));
  const ports = {
    copies: { read: async () => refused(failure("NOT_FOUND", {})), forget: async () => undefined },
    owned: { pairs: () => [...pieces.keys()].map((hash) => [hash, room]), isFor: () => false },
    stripes,
    ask: async (
      _to: ActorId,
      message: { readonly type: string; readonly hash?: string; readonly stripe?: StripeRef },
    ) => {
      const of = pieces.get(message.hash ?? "") ?? 0;
      if (message.type === "fileSettled") settled.push(message.stripe?.id ?? "");
      if (message.type !== "filePiece") return ok({});
      const stripe = { stripe: { id: String(of), sizeBytes: 6 }, partBytes: 3, settled: true };
      return ok({ id: `${of}`, first: 0, parts: partsOf(of), ...((count > 90 || isStriped(of)) && { stripe }) });
    },
    losses: () => 2,
    copiesOf: () => 2,
    isReadByAll: () => true,
    holders: () => [],
    clock: world.clock(),
    log: quietLog,
    meter: quietMeter,
    limits: { ...attachmentLimits, ...limits },
  } as unknown as AttachmentPorts;
  return { ports, settled };
}

describe("files in stripes, many at once", () => {
  it("are read so many at a time, and nobody who waits is refused; beyond that somebody is", async () => {
    const [open, most] = [new Set<() => void>(), { count: 0 }];
    const read = async ({ id }: StripeRef) => {
      const { promise, resolve } = Promise.withResolvers<void>();
      open.add(resolve);
      most.count = Math.max(most.count, open.size);
      await promise;
      open.delete(resolve);
      return ok(Buffer.concat([part(Number(id)), other(Number(id))]));
    };
    const count = 200;
    const { ports } = openPorts(count, { read }, { readsAtOnce: 16, readsWaitingMax: 150 });
    const { read: readPart } = createReading(ports);
    const reads = Array.from({ length: count }, (_, of) => readPart(room, partsOf(of)[0] as string));
    while (open.size > 0 || most.count === 0) {
      await moment();
      for (const end of open) end();
    }
    const ended = await Promise.all(reads);
    expect(most.count).to.equal(16);
    expect(ended.filter(({ ok: isOk }) => isOk)).to.have.length(166);
    const codes = ended.flatMap((one) => (one.ok ? [] : [one.error.code]));
    expect(new Set(codes)).to.deep.equal(new Set(["OVERLOADED"]));
  });

  it("go there past one that cannot, and are left to a later round when several cannot", async () => {
    const bad = new Set([0, 3]);
    const tried: number[] = [];
    const stripes = {
      put: async (bytes: Uint8Array) => {
        const of = (bytes[0] ?? 0) + 256 * (bytes[1] ?? 0);
        tried.push(of);
        return bad.has(of)
          ? refused(failure("UNREACHABLE", {}))
          : ok({ id: String(of), scheme: { type: "copies", copies: 3 }, shards: [] });
      },
      keep: async () => ok(null),
      isKept: async () => true,
      inspect: async () => ok({ well: 0, shards: [] }),
    };
    const { ports, settled } = openPorts(8, stripes);
    const byHash = new Map(
      Array.from({ length: 8 }, (_, of) => [part(of), other(of)].map((one) => [hashOf(one), one] as const)).flat(),
    );
    const read = async (_room: ActorId, hash: string) => ok(byHash.get(hash) as Uint8Array);
    const round = createMoving(ports, { isStopped: () => false, read });
    await round();
    expect(settled).to.deep.equal(["1", "2", "4", "5", "6", "7"]);
    for (const one of [1, 2, 4, 5, 6, 7]) bad.add(one);
    settled.length = 0;
    tried.length = 0;
    await round();
    expect(tried).to.have.length(attachmentLimits.failuresPerRound);
  });

  it("stay copied where so many holders died since the round began that a stripe bears less", async () => {
    const stripe = { id: "0", scheme: { type: "copies", copies: 2 }, shards: [] };
    const { ports, settled } = openPorts(1, {
      put: async () => ok(stripe),
      keep: async () => ok(null),
      isKept: async () => true,
      inspect: async () => ok({ well: 0, shards: [] }),
    });
    const read = async (_room: ActorId, hash: string) => ok(hash === hashOf(part(0)) ? part(0) : other(0));
    const moving = (copies: number): Promise<void> =>
      createMoving({ ...ports, copiesOf: () => copies }, { isStopped: () => false, read })();
    await moving(3);
    expect(settled).to.deep.equal([]);
    await moving(2);
    expect(settled).to.deep.equal(["0"]);
  });
});
