import { randomBytes } from "node:crypto";
import { expect } from "chai";
import fc from "fast-check";
import { hashOf } from "../../../node/bulk/blobs/index.ts";
import { createKeeping } from "../../../node/gateway/files/keeping.ts";
import { openPart } from "../../../node/gateway/files/sealed.ts";
import type { ActorBlobs } from "../../../node/ports/index.ts";
import {
  failure,
  failureOf,
  ok,
  refused,
  type Failure,
  type Result,
  type RoomUpload,
} from "../../../protocols/index.ts";

const id = "f.hall";
const upload: RoomUpload = {
  id,
  name: "a",
  bytes: 64,
  key: randomBytes(32).toString("base64url"),
  parts: [],
  offset: 0,
  epoch: 1,
  expiresAtMs: 1,
};

/** Parts that are kept at once. The disks have them in an order of the test's; one of them may fail, there or at the
 *  room. */
function world(
  fault: { readonly at: "disk" | "room"; readonly index: number; readonly error: Failure } | undefined,
  forgotten = async () => {},
) {
  const held = new Map<string, Uint8Array>();
  const onDisk: PromiseWithResolvers<undefined>[] = [];
  const told: { readonly index: number; readonly part: string }[] = [];
  const blobs: ActorBlobs = {
    async put(_actor, bytes, commit) {
      const index = onDisk.length;
      onDisk.push(Promise.withResolvers());
      const mine = Buffer.from(bytes);
      await onDisk[index]?.promise;
      if (fault?.at === "disk" && fault.index === index) return refused(fault.error);
      held.set(hashOf(mine), mine);
      return commit(hashOf(mine));
    },
    read: async () => refused(failure("NOT_FOUND")),
    async forget(_actor, hashes) {
      hashes.forEach((hash) => held.delete(hash));
      await forgotten();
    },
  };
  const said = async (_id: string, message: { readonly type: string }): Promise<Result<unknown>> => {
    const { index, part } = message as unknown as { readonly index: number; readonly part: string };
    if (fault?.at === "room" && fault.index === index) return refused(fault.error);
    told.push({ index, part });
    return ok({ ...upload, offset: index + 1 });
  };
  const limits = { filePartsAheadMax: 8, filePartsAheadOfAllMax: 8, filePicturesMax: 1 };
  const keeping = createKeeping({ blobs, said, random: { bytes: randomBytes }, limits })("user/ada", upload);
  return { held, onDisk, told, keeping };
}

const parts = 6;

describe("parts of an upload that are kept at once", () => {
  it("are told to the room in order, without a gap, and what comes behind a refusal leaves nothing", async () => {
    const faults = fc.option(
      fc.record({
        at: fc.constantFrom("disk" as const, "room" as const),
        index: fc.nat({ max: parts - 1 }),
        code: fc.constantFrom("DISK_FULL" as const, "CHANGED_MEANWHILE" as const, "ASK_TIMEOUT" as const),
      }),
      { nil: undefined },
    );
    const orders = fc.shuffledSubarray([...Array(parts).keys()], { minLength: parts, maxLength: parts });
    await fc.assert(
      fc.asyncProperty(faults, orders, async (fault, order) => {
        const broken = fault && { ...fault, error: failure(fault.code) };
        const { held, onDisk, told, keeping } = world(broken);
        const room = Buffer.alloc(8);
        const kept = Array.from({ length: parts }, (_, index) => {
          room.fill(index);
          return keeping.keep(index, room, {}).then(
            () => true,
            () => false,
          );
        });
        for (const index of order) {
          onDisk[index]?.resolve(undefined);
          await new Promise(setImmediate);
        }
        const whole = fault?.index ?? parts;
        expect(await Promise.all(kept)).to.deep.equal(Array.from({ length: parts }, (_, index) => index < whole));
        expect(told.map(({ index }) => index)).to.deep.equal([...Array(whole).keys()]);
        // The memory of a part was used again for the next while the disks had not taken it.
        for (const { index, part } of told)
          expect([...openPart(upload, index, held.get(part) as Uint8Array)]).to.deep.equal(Array(8).fill(index));
        // Of a part of which the room said nothing it is not known whether it has it.
        const isUnknown = broken?.at === "room" && broken.error.code !== "CHANGED_MEANWHILE";
        expect(held.size).to.equal(whole + (isUnknown ? 1 : 0));
      }),
      { numRuns: 200 },
    );
  });

  it("hold no place, and are refused as they were, while what nobody needs is forgotten, also where that fails", async () => {
    const error = failure("CHANGED_MEANWHILE");
    const forgetting = Promise.withResolvers<void>();
    const { onDisk, keeping } = world({ at: "room", index: 0, error }, () => forgetting.promise);
    const kept = Array.from({ length: 8 }, (_, index) => keeping.keep(index, Buffer.alloc(1), {}));
    const codes = Promise.all(
      kept.map((one) =>
        one.then(
          () => "",
          (error: unknown) => failureOf(error).code,
        ),
      ),
    );
    onDisk.forEach((disk) => disk.resolve(undefined));
    for (let step = 0; step < 20; step += 1) await new Promise(setImmediate);
    expect(keeping.ahead(), "no part holds a place").to.equal(8);
    forgetting.reject(new Error("no disk"));
    expect(new Set(await codes)).to.deep.equal(new Set(["CHANGED_MEANWHILE"]));
  });

  it("are few where all requests together have many", () => {
    const { keeping } = world(undefined);
    expect(keeping.ahead()).to.equal(8);
    for (let index = 0; index < 8; index += 1) void keeping.keep(index, Buffer.alloc(1), {});
    expect(keeping.ahead()).to.equal(1);
  });
});
