import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { expect } from "chai";
import fc from "fast-check";
import {
  anchorOf,
  combineShares,
  createRoot,
  createUnitKeys,
  digestOf,
  isHeadSigned,
  openEpoch,
  rootKeysOf,
  splitRoot,
  verifyEpochs,
  type RootKeys,
} from "../../../node/keys/index.ts";
import { createEpoch, headSignerOf, sealEpoch, type EpochRecord } from "../../../node/keys/epochs.ts";
import { createTenantKey, rewrapTenantKey } from "../../../node/keys/units.ts";
import { sealerOf, contextBytes } from "../../../node/keys/cipher.ts";
import { openFrom, recipientOf, sealTo } from "../../../node/keys/x-wing.ts";
import { failureOf, type Failure, type Result } from "../../../protocols/index.ts";
import { depth } from "../../depth.ts";

const vectors = JSON.parse(readFileSync(new URL("vectors.json", import.meta.url), "utf8")) as {
  readonly "x-wing": readonly { seed: string; publicKeySha256: string; sent: string; secret: string }[];
};
const hex = (text: string): Buffer => Buffer.from(text, "hex");
const valueOf = <T>(result: Result<T>): T => {
  if (!result.ok) throw new Error(JSON.stringify(result.error));
  return result.value;
};
const errorOf = (result: Result<unknown>): Failure => {
  if (result.ok) throw new Error("it was not refused");
  return result.error;
};
const thrownBy = (work: () => unknown): string => {
  try {
    work();
  } catch (error) {
    return failureOf(error).code;
  }
  return "nothing";
};
const changed = (bytes: Uint8Array, at: number, by = 1): Buffer => {
  const copy = Buffer.from(bytes);
  copy[at % copy.length]! ^= by;
  return copy;
};

describe("the cipher of keys", () => {
  it("gives the answers that are known of XAES-256-GCM", () => {
    const nonce = Buffer.from("ABCDEFGHIJKLMNOPQRSTUVWX");
    const text = Buffer.from("XAES-256-GCM");
    const first = sealerOf(Buffer.alloc(32, 1)).seal(text, Buffer.alloc(0), nonce);
    expect(first.subarray(24).toString("hex")).to.equal("ce546ef63c9cc60765923609b33a9a1974e96e52daf2fcf7075e2271");
    const second = sealerOf(Buffer.alloc(32, 3)).seal(text, Buffer.from("c2sp.org/XAES-256-GCM"), nonce);
    expect(second.subarray(24).toString("hex")).to.equal("986ec1832593df5443a179437fd083bf3fdb41abd740a21f71eb769d");
  });

  it("notices any byte that was changed, another context and another key", () => {
    const sealer = sealerOf(Buffer.alloc(32, 7));
    const context = contextBytes(["row", "head/chat/1"]);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(), fc.integer({ min: 1, max: 255 }), (bytes, at, by) => {
        const sealed = sealer.seal(bytes, context);
        expect(sealer.open(sealed, context)).to.deep.equal(Buffer.from(bytes));
        expect(sealer.open(changed(sealed, at, by), context)).to.equal(undefined);
        expect(sealer.open(sealed.subarray(0, at % sealed.length), context)).to.equal(undefined);
        expect(sealer.open(sealed, contextBytes(["row", "head/chat/2"]))).to.equal(undefined);
        expect(sealerOf(Buffer.alloc(32, 8)).open(sealed, context)).to.equal(undefined);
      }),
      { numRuns: depth(50, 2_000) },
    );
  });

  it("tells contexts apart whose parts together read the same", () => {
    expect(contextBytes(["ab", "c"])).not.to.deep.equal(contextBytes(["a", "bc"]));
    expect(contextBytes(["a", ""])).not.to.deep.equal(contextBytes(["a"]));
  });
});

describe("X-Wing", () => {
  it("gives the answers that are known", () => {
    for (const { seed, publicKeySha256, sent, secret } of vectors["x-wing"]) {
      const recipient = recipientOf(hex(seed));
      expect(createHash("sha256").update(recipient.publicKey).digest("hex")).to.equal(publicKeySha256);
      expect(recipient.receive(Buffer.from(sent, "base64")).toString("hex")).to.equal(secret);
    }
  });

  it("opens what was sealed to it, for the same context, and nothing that was changed", () => {
    const recipient = recipientOf(Buffer.alloc(32, 1));
    const sealed = sealTo(recipient.publicKey, Buffer.from("a key"), ["epoch", 1]);
    expect(openFrom(recipient, sealed, ["epoch", 1])?.toString()).to.equal("a key");
    expect(openFrom(recipient, sealed, ["epoch", 2])).to.equal(undefined);
    expect(openFrom(recipientOf(Buffer.alloc(32, 2)), sealed, ["epoch", 1])).to.equal(undefined);
    // Of each part of it: ML-KEM's bytes, X25519's, the nonce, the sealed bytes, the tag.
    for (const at of [0, 500, 1_087, 1_088, 1_119, 1_120, 1_144, sealed.length - 1])
      expect(openFrom(recipient, changed(sealed, at), ["epoch", 1]), `byte ${at}`).to.equal(undefined);
    expect(openFrom(recipient, sealed.subarray(0, 700), ["epoch", 1])).to.equal(undefined);
  });
});

describe("shares of a root", () => {
  const sizes = fc
    .integer({ min: 2, max: 7 })
    .chain((of) => fc.record({ of: fc.constant(of), needed: fc.integer({ min: 2, max: of }) }));

  it("make it again, any that are enough, in any order; fewer make nothing and say how many are missing", async () => {
    await fc.assert(
      fc.asyncProperty(sizes, fc.infiniteStream(fc.nat()), async ({ of, needed }, chance) => {
        const root = createRoot();
        const shares = valueOf(await splitRoot(root, { needed, of }));
        const mixed = shares
          .map((share) => [chance.next().value, share] as const)
          .toSorted(([a], [b]) => Number(a) - Number(b));
        const some = mixed.map(([, share]) => share);
        expect(valueOf(await combineShares(some.slice(0, needed)))).to.deep.equal(new Uint8Array(root));
        expect(valueOf(await combineShares([...some, some[0]!]))).to.deep.equal(new Uint8Array(root));
        const few = errorOf(await combineShares(some.slice(0, needed - 1)));
        expect(few.code).to.equal("SHARES_TOO_FEW");
        expect(few.details).to.deep.include({ needed, more: 1, of });
      }),
      { numRuns: depth(30, 500) },
    );
  });

  it("with any byte changed are named, and make nothing", async () => {
    const shares = valueOf(await splitRoot(createRoot(), { needed: 3, of: 5 }));
    for (let at = 0; at < shares[1]!.length; at += 1) {
      const failed = errorOf(await combineShares([shares[0]!, changed(shares[1]!, at, 0x20), shares[2]!]));
      expect([failed.code, failed.details?.["place"]]).to.deep.equal(["SHARE_WRONG", 2]);
    }
  });

  /** A share whose check was made anew: somebody meant it. */
  const forged = (share: Uint8Array): Buffer => {
    const made = changed(share, 25);
    const check = createHash("sha256").update("plexus check\0").update(made.subarray(0, -4)).digest();
    made.set(check.subarray(0, 4), made.length - 4);
    return made;
  };

  it("that somebody made up are named by the public sheet, or by the others where there are more than enough", async () => {
    const root = createRoot();
    const shares = valueOf(await splitRoot(root, { needed: 3, of: 5 }));
    const made = forged(shares[1]!);
    const sheet = { commitment: shares[0]!.subarray(4, 20), digests: shares.map((share) => digestOf(share)) };
    const told = errorOf(await combineShares([shares[0]!, made, shares[2]!], sheet));
    expect([told.code, told.details?.["share"]]).to.deep.equal(["SHARE_WRONG", 2]);
    const left = errorOf(await combineShares([shares[0]!, made, shares[2]!, shares[4]!]));
    expect([left.code, left.details?.["share"]]).to.deep.equal(["SHARE_WRONG", 2]);
    // Of just enough, and without the sheet, nobody can tell which: nothing is made all the same.
    const exact = errorOf(await combineShares([shares[0]!, made, shares[2]!]));
    expect(exact.code).to.equal("SHARE_WRONG");
    expect(exact.details?.["shares"]).to.deep.equal([1, 2, 3]);
  });

  it("of another kit are named", async () => {
    const one = valueOf(await splitRoot(createRoot(), { needed: 3, of: 5 }));
    const other = valueOf(await splitRoot(createRoot(), { needed: 3, of: 5 }));
    const failed = errorOf(await combineShares([one[0]!, other[1]!, one[2]!]));
    expect(failed.details).to.deep.include({ place: 2, share: 2, reason: "it is of another kit" });
  });

  it("are at least two, and no more than there are", async () => {
    for (const [needed, of] of [
      [1, 3],
      [4, 3],
      [2, 17],
      [2.5, 4],
    ])
      expect(errorOf(await splitRoot(createRoot(), { needed: needed!, of: of! })).code).to.equal("BAD_REQUEST");
  });
});

describe("epochs", () => {
  const cluster = "c1";
  const root = rootKeysOf(Buffer.alloc(32, 1));
  const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64url");
  const to = (keys: RootKeys) => ({ commitment: keys.commitment, recoveryKey: text(keys.recipient.publicKey) });
  /** Some epochs, each with its key. */
  const chain = (count: number): { readonly record: EpochRecord; readonly key: Uint8Array }[] => {
    const made: { readonly record: EpochRecord; readonly key: Uint8Array }[] = [];
    for (let at = 0; at < count; at += 1) made.push(createEpoch(cluster, to(root), made.at(-1)));
    return made;
  };
  const vouched = (keys: RootKeys, record: EpochRecord) => ({
    verifyKey: text(keys.signer.verifyKey),
    anchor: anchorOf(cluster, record, keys),
  });

  it("open by the root, each with its own key", () => {
    const made = chain(3);
    const records = made.map(({ record }) => record);
    expect(valueOf(verifyEpochs(cluster, vouched(root, records[0]!), records))).to.equal(records);
    for (const { record, key } of made) expect(valueOf(openEpoch(cluster, record, root))).to.deep.equal(key);
    expect(errorOf(openEpoch(cluster, records[0]!, rootKeysOf(Buffer.alloc(32, 2)))).code).to.equal("KEY_REFUSED");
    // Sealed for another epoch or another cluster, it does not open.
    const moved = { ...records[0]!, sealed: records[1]!.sealed };
    expect(errorOf(openEpoch(cluster, moved, root)).code).to.equal("KEY_REFUSED");
    expect(errorOf(openEpoch("c2", records[0]!, root)).code).to.equal("KEY_REFUSED");
  });

  it("that somebody put in place of the cluster's are refused, though anybody can seal to the public key", () => {
    const records = chain(3).map(({ record }) => record);
    const others = chain(3).map(({ record }) => record);
    const by = vouched(root, records[0]!);
    const refusals: [string, readonly EpochRecord[]][] = [
      ["all", others],
      ["the last", [records[0]!, records[1]!, others[2]!]],
      ["one between", [records[0]!, others[1]!, records[2]!]],
      ["one left out", [records[0]!, records[2]!]],
      ["a signature", [records[0]!, { ...records[1]!, signature: records[2]!.signature }, records[2]!]],
      ["a key that verifies", [records[0]!, { ...records[1]!, verifyKey: others[1]!.verifyKey }, records[2]!]],
      ["none", []],
    ];
    for (const [what, list] of refusals) expect(verifyEpochs(cluster, by, list).ok, what).to.equal(false);
    expect(verifyEpochs("c2", by, records).ok).to.equal(false);
    const elsewhere = vouched(rootKeysOf(Buffer.alloc(32, 2)), records[0]!);
    expect(verifyEpochs(cluster, { ...elsewhere, anchor: by.anchor }, records).ok).to.equal(false);
  });

  it("pass to a new root, which vouches for the last and all before", () => {
    const made = chain(2);
    const next = rootKeysOf(Buffer.alloc(32, 9));
    const passed = made.map(({ record, key }) => ({
      ...record,
      sealed: sealEpoch(cluster, to(next), { epoch: record.epoch, key }),
    }));
    const later = createEpoch(cluster, to(next), { record: passed[1]!, key: made[1]!.key });
    const by = vouched(next, passed[1]!);
    expect(verifyEpochs(cluster, by, [...passed, later.record]).ok).to.equal(true);
    expect(valueOf(openEpoch(cluster, passed[0]!, next))).to.deep.equal(made[0]!.key);
    expect(errorOf(openEpoch(cluster, passed[0]!, root)).code).to.equal("KEY_REFUSED");
    const forged = [{ ...passed[0]!, verifyKey: later.record.verifyKey }, passed[1]!];
    expect(verifyEpochs(cluster, by, forged).ok).to.equal(false);
  });

  it("sign heads, and tell any that was changed", () => {
    const [one, two] = chain(2);
    const head = Buffer.from("head 7 of cluster c1");
    const signature = headSignerOf(one!.key).sign(head);
    expect(isHeadSigned(one!.record, head, signature)).to.equal(true);
    expect(isHeadSigned(two!.record, head, signature)).to.equal(false);
    expect(isHeadSigned(one!.record, changed(head, 5), signature)).to.equal(false);
    // Either half alone is not enough.
    for (const at of [0, 63, 64, signature.length - 1])
      expect(isHeadSigned(one!.record, head, changed(signature, at))).to.equal(false);
    expect(isHeadSigned(one!.record, head, signature.subarray(0, 64))).to.equal(false);
  });
});

describe("keys of units", () => {
  const epochs = new Map([1, 2].map((epoch) => [epoch, Buffer.alloc(32, epoch)]));
  const ada = createTenantKey(epochs, "user/ada", 1);
  const bob = createTenantKey(epochs, "user/bob", 1);
  const context = { tenant: "user/ada", unit: "u1", epoch: 1 };
  const key = Buffer.alloc(32, 5);

  it("open with their whole context alone", () => {
    const keys = createUnitKeys(epochs, 1, [ada, bob, createTenantKey(epochs, "user/ada", 2)]);
    const sealed = keys.seal(context, key);
    expect(Buffer.from(keys.open(context, sealed))).to.deep.equal(key);
    for (const other of [
      { ...context, tenant: "user/bob" },
      { ...context, unit: "u2" },
      { ...context, epoch: 2 },
    ])
      expect(thrownBy(() => keys.open(other, sealed))).to.equal("KEY_REFUSED");
    for (let at = 0; at < sealed.length; at += 1)
      expect(thrownBy(() => keys.open(context, changed(sealed, at)))).to.equal("KEY_REFUSED");
  });

  it("are unreadable once the tenant's key is gone from the ring, whatever else there is", () => {
    const sealed = createUnitKeys(epochs, 1, [ada, bob]).seal(context, key);
    const without = createUnitKeys(epochs, 1, [bob]);
    expect(thrownBy(() => without.open(context, sealed))).to.equal("KEY_MISSING");
    // Another key for the same name, as the ring would make it, opens nothing of before.
    const anew = createUnitKeys(epochs, 1, [createTenantKey(epochs, "user/ada", 1)]);
    expect(thrownBy(() => anew.open(context, sealed))).to.equal("KEY_REFUSED");
  });

  it("open after the tenant's key was wrapped anew, without the old epoch's key", () => {
    const sealed = createUnitKeys(epochs, 1, [ada]).seal(context, key);
    const again = rewrapTenantKey(epochs, ada, 2);
    expect([again.epoch, again.under]).to.deep.equal([1, 2]);
    const later = new Map([[2, epochs.get(2)!]]);
    expect(Buffer.from(createUnitKeys(later, 2, [again]).open(context, sealed))).to.deep.equal(key);
    expect(thrownBy(() => createUnitKeys(later, 2, [ada]).open(context, sealed))).to.equal("KEY_MISSING");
    expect(thrownBy(() => createUnitKeys(epochs, 2, [{ ...again, under: 1 }]).open(context, sealed))).to.equal(
      "KEY_REFUSED",
    );
  });
});
