/** Objects of a backup made of known keys, and the file of those that are frozen.
 *
 *  `node test/unit/runtimes/backup/samples.ts N` writes those of a new version of the format, with `file` for N a
 *  file's, with `part` what nodes tell each other, with `together` units that are sealed as one; what is there is never
 *  written again. */
import { createHash, createPrivateKey, createPublicKey, sign, verify } from "node:crypto";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  encodeRows,
  hashOfUnit,
  PackWriter,
  sealNode,
  sealUnit,
  sharedName,
  writeCatalog,
  writeChanges,
  writeHead,
  writePartList,
  writeTreeNode,
  type BackupHead,
  type HeadKeys,
  type Snapshot,
  type StripeName,
  type UnitContext,
  type UnitEntry,
} from "../../../../runtimes/backup/format/index.ts";
import { backupFormat } from "../../../../runtimes/backup/format/unit.ts";
import { type Place } from "../../../../runtimes/backup/format/pack.ts";
import { type PartChanges, type PartList } from "../../../../runtimes/backup/format/part.ts";

/** Bytes that are always the same and look like no others. */
export function bytesOf(seed: string, length: number): Uint8Array {
  const blocks = Array.from({ length: Math.ceil(length / 32) }, (_, block) =>
    createHash("sha256").update(`${seed} ${block}`).digest(),
  );
  return new Uint8Array(Buffer.concat(blocks).subarray(0, length));
}

const privateKey = createPrivateKey({
  key: Buffer.concat([Buffer.from("302e020100300506032b657004220420", "hex"), bytesOf("head key", 32)]),
  format: "der",
  type: "pkcs8",
});

/** Keys that sign heads of epochs 1 to 3. */
export const headKeys: HeadKeys = {
  sign: (bytes) => sign(null, bytes, privateKey),
  verify: (bytes, signature, epoch) =>
    epoch >= 1 && epoch <= 3 && verify(null, bytes, createPublicKey(privateKey), signature),
};

/** A pack with fragments in this order, and where they lie in it. */
export function packOf(fragments: readonly Uint8Array[]): {
  readonly bytes: Uint8Array;
  readonly places: readonly Place[];
} {
  const writer = new PackWriter();
  for (const fragment of fragments) writer.add(fragment);
  const { bytes, placeOf } = writer.finish([...fragments.keys()]);
  return { bytes, places: [...fragments.keys()].map(placeOf) };
}

export const context: UnitContext = {
  cluster: "harbour",
  person: "",
  thread: "room/lobby",
  type: "message",
  bucket: "2026-11-23",
  part: 0,
  id: "00112233445566778899aabbccddeeff",
  epoch: 2,
};

export const rows = [
  ["message/000000000001", { seq: 1, author: "user/ada", atMs: 1_795_000_000_000, text: "Grüße 👋", $odd: -0 }],
  [
    "message/000000000002",
    { seq: 2, author: "user/bob", atMs: 1_795_000_001_000, bytes: Uint8Array.of(0, 255), un: undefined },
  ],
] as const;

export const stripe: StripeName = {
  id: "stripe-1",
  group: "first",
  scheme: { type: "rs", k: 2, m: 1 },
  sizeBytes: 1_234,
  shards: [0, 1, 2].map((index) => ({ index, hash: String(index).repeat(64), sizeBytes: 700 })),
};

export const nodeKey = bytesOf("node key", 32);
export const of = { cluster: context.cluster, sort: "tree" } as const;

/** One of every object, made of the same keys each time. */
export function makeSamples() {
  const texts = sealUnit(encodeRows(rows), context, { fragments: 3, random: bytesOf("texts", 64) });
  // What cannot be compressed is the same whatever the version of the library.
  const picture = sealUnit(
    bytesOf("picture", 5_000),
    { ...context, type: "file" },
    { fragments: 4, random: bytesOf("file", 64) },
  );
  const pack = packOf([...picture.fragments, ...texts.fragments]);
  const unit: UnitEntry = {
    name: { ...context },
    id: context.id,
    epoch: context.epoch,
    sealedKey: texts.key,
    hash: texts.hash,
    bytes: 200,
    rows: rows.length,
    first: rows[0][0],
    last: rows[1][0],
    fromMs: rows[0][1].atMs,
    toMs: rows[1][1].atMs,
    fragments: pack.places.slice(4).map((place) => ({ stripe, ...place })),
  };
  const { cluster, person, thread, type, bucket, part } = context;
  const leaf = { level: 0 as const, units: [{ ...unit, name: { cluster, person, thread, type, bucket, part } }] };
  const node = sealNode(writeTreeNode(leaf), of, nodeKey);
  const link = { stripe, key: nodeKey };
  const snapshot: Snapshot = {
    number: 7,
    atMs: 1_795_000_002_000,
    root: link,
    cursors: link,
    units: 1,
    bytes: 200,
    missed: [],
  };
  const catalog = sealNode(writeCatalog([snapshot]), { ...of, sort: "catalog" }, nodeKey);
  const head: BackupHead = {
    cluster: context.cluster,
    number: 7,
    previous: "ab".repeat(32),
    atMs: 1_795_000_002_000,
    epoch: 2,
    catalog: { stripe, sealedKey: bytesOf("sealed", 64) },
  };
  return { texts, picture, pack, leaf, node, snapshot, catalog, head, headBytes: writeHead(head, headKeys) };
}

/** The bytes of objects of one version, and what opens them. */
export interface Frozen {
  readonly pack: string;
  readonly places: readonly { readonly offset: number; readonly length: number }[];
  readonly textsKey: string;
  readonly pictureKey: string;
  readonly node: string;
  readonly catalog: string;
  readonly head: string;
}

/** A file in two units: their pack, and the leaf of the tree that names them. */
export function makeFileSample() {
  const bytes = bytesOf("a file in two pieces", 6_000);
  const bucket = "f1".repeat(32);
  const names = [0, 1].map((part) => ({ ...context, person: "user/ada", thread: "agent/ada.helper", type: ".blob", bucket, part })); // prettier-ignore
  const sealed = names.map((name, part) =>
    sealUnit(bytes.subarray(part * 4_000, (part + 1) * 4_000), name, {
      fragments: 3,
      random: bytesOf(`piece ${part}`, 64),
    }),
  );
  const pack = packOf(sealed.flatMap(({ fragments }) => fragments));
  const units = names.map(({ id, epoch, ...name }, part): UnitEntry => {
    const { key, hash } = sealed[part] as (typeof sealed)[number];
    const places = pack.places.slice(part * 3, part * 3 + 3).map((place) => ({ stripe, ...place }));
    const keys = { first: `${bucket}/0000000${part}`, last: `${bucket}/00000001` };
    return { name, id, epoch, sealedKey: key, hash, bytes: 4_000 - part * 2_000, rows: 0, ...keys, fromMs: 0, toMs: 0, fragments: places }; // prettier-ignore
  });
  return { bytes, names, pack, node: sealNode(writeTreeNode({ level: 0, units }), of, nodeKey) };
}

/** The bytes of a file's sample. */
export interface FrozenFile {
  readonly pack: string;
  readonly node: string;
}

/** A message and the event that tells of it, sealed as one: their pack, and the leaf of the tree that names them. */
export function makeTogetherSample() {
  const plaintexts = [
    encodeRows([["event/0000000000000001", { type: "posted", message: rows[0][1] }]]),
    encodeRows(rows.slice(0, 1)),
  ];
  const names = ["event", "message"].map((type) => ({ ...context, type }));
  const sealed = sealUnit(
    Buffer.concat(plaintexts),
    { ...context, ...sharedName(context) },
    { fragments: 2, random: bytesOf("together", 64) },
  );
  const pack = packOf(sealed.fragments);
  let start = 0;
  const units = names.map(({ id, epoch, ...name }, at): UnitEntry => {
    const plaintext = plaintexts[at] as Uint8Array;
    const bytes = plaintext.length;
    const unit = { name, id, epoch, sealedKey: sealed.key, hash: hashOfUnit(plaintext), bytes, rows: 1, start };
    start += bytes;
    const fragments = pack.places.map((place) => ({ stripe, ...place }));
    return { ...unit, first: "a", last: "a", fromMs: rows[0][1].atMs, toMs: rows[0][1].atMs, fragments };
  });
  return { plaintexts, pack, units, node: sealNode(writeTreeNode({ level: 0, units }), of, nodeKey) };
}

/** What a node made of its slots: the list, and one node of changes with a unit that is new and two that are gone. */
export function makePartSample() {
  const { leaf } = makeSamples();
  const { cluster } = of;
  const { person, type, bucket } = context;
  const gone = ["room/gone", "room/lobby"].map((thread, part) => ({ cluster, person, thread, type, bucket, part: part + 1 })); // prettier-ignore
  const changes: PartChanges = { units: leaf.units, gone };
  const list: PartList = {
    cursors: new Map([
      ["chat/0", { epoch: 3, seq: 12 }],
      ["own/room/lobby", { epoch: 1, seq: 7 }],
    ]),
    changes: [{ stripe, key: nodeKey }],
  };
  return {
    changes,
    list,
    changesNode: sealNode(writeChanges(changes), { cluster, sort: "changes" }, nodeKey),
    partNode: sealNode(writePartList(list), { cluster, sort: "part" }, nodeKey),
  };
}

/** The bytes of a part's sample. */
export interface FrozenPart {
  readonly part: string;
  readonly changes: string;
}

export const frozenPartSample = join(import.meta.dirname, "part-1.json");

export const frozenTogetherSample = join(import.meta.dirname, "together-2.json");

export const frozenFile = (version: number): string => join(import.meta.dirname, `format-${version}.json`);

export const frozenFileSample = join(import.meta.dirname, "file-1.json");

if (process.argv[1] === import.meta.filename && process.argv[2] === "part") {
  if (existsSync(frozenPartSample)) throw new Error("frozen");
  const { partNode, changesNode } = makePartSample();
  const [part, changes] = [partNode, changesNode].map((bytes) => Buffer.from(bytes).toString("base64"));
  writeFileSync(frozenPartSample, `${JSON.stringify({ part, changes }, undefined, 2)}\n`);
} else if (process.argv[1] === import.meta.filename && process.argv[2] === "together") {
  if (existsSync(frozenTogetherSample)) throw new Error("frozen");
  const { pack, node } = makeTogetherSample();
  const [packText, nodeText] = [pack.bytes, node].map((bytes) => Buffer.from(bytes).toString("base64"));
  writeFileSync(frozenTogetherSample, `${JSON.stringify({ pack: packText, node: nodeText }, undefined, 2)}\n`);
} else if (process.argv[1] === import.meta.filename && process.argv[2] === "file") {
  if (existsSync(frozenFileSample)) throw new Error("frozen");
  const { pack, node } = makeFileSample();
  const [packText, nodeText] = [pack.bytes, node].map((bytes) => Buffer.from(bytes).toString("base64"));
  writeFileSync(frozenFileSample, `${JSON.stringify({ pack: packText, node: nodeText }, undefined, 2)}\n`);
} else if (process.argv[1] === import.meta.filename) {
  const version = Number(process.argv[2]);
  const file = frozenFile(version);
  if (version !== backupFormat.version || existsSync(file))
    throw new Error("frozen, or not the version that is written");
  const { texts, picture, pack, node, catalog, headBytes } = makeSamples();
  const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64");
  const frozen: Frozen = {
    pack: text(pack.bytes),
    places: pack.places,
    textsKey: text(texts.key),
    pictureKey: text(picture.key),
    node: text(node),
    catalog: text(catalog),
    head: text(headBytes),
  };
  writeFileSync(file, `${JSON.stringify(frozen, undefined, 2)}\n`);
}
