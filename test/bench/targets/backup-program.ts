/** One operation of a backup in a process of its own, as restic and borg are: on the journal of a node, with six
 *  folders as holders. It prints what the operation took: a node runs already when it makes backups, so its start and
 *  the opening of the journal are not counted.
 *
 *      backup-program.ts WORKSPACE make MEGABYTES | more KILOBYTES | backup | verify | restore FOLDER | thread ACTOR FOLDER | chat alone | chat beside | chat unpaced */
import { createPrivateKey, createPublicKey, randomBytes, sign, verify as isSigned } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import {
  backupLimits,
  createFolderHeads,
  createPacing,
  createFolderStripes,
  openRepository,
  pacedSource,
  recall,
  runBackup,
  verify,
  type BackupKeys,
  type BackupPorts,
  type SlotSource,
} from "../../../node/backup/index.ts";
import { openBlobStore } from "../../../node/bulk/blobs/index.ts";
import { openFolderSink } from "../../../node/backup/places/recall-folder.ts";
import { journalSource } from "../../../node/backup/content/source.ts";
import { sealerOf } from "../../../node/keys/cipher.ts";
import { createClock, createRandom, openFiles, openLevelStore } from "../../../node/platform/index.ts";
import type { Store } from "../../../node/ports/index.ts";
import { openJournal, type Journal, type SideOp } from "../../../node/storage/index.ts";
import { codedBytes, codingStripe, readStripe } from "../../../node/bulk/shards/coding/index.ts";
import { ok, type ActorId, type Scheme, type SlotId } from "../../../protocols/index.ts";
import { createSealer, type Sealer } from "../../../runtimes/backup/index.ts";
import { quietLog, quietMeter } from "../../fixtures/quiet.ts";

const [workspace = "", operation = "", ...args] = process.argv.slice(2);
const scheme: Scheme = { type: "rs", k: 4, m: 2 };
const clock = createClock();
/** Where people chat meanwhile. */
const chatSlot = "chat/99" as SlotId;
const pacing = createPacing({ clock });
const idle = { signal: new AbortController().signal, progress: () => undefined, pace: async () => undefined };

async function openOwn(): Promise<{ readonly store: Store; readonly journal: Journal }> {
  const store = await openLevelStore(join(workspace, "journal"));
  const identity = { cluster: "bench", node: "bench" };
  /** Whoever does not hear of people does not step back behind them. */
  const isPaced = args[0] !== "unpaced";
  const heard = (slot: SlotId, tookMs: number): void => void (isPaced && slot === chatSlot && pacing.heard(tookMs));
  return { store, journal: await openJournal({ store, clock, log: quietLog, meter: quietMeter, identity, heard }) };
}

/** What people have attached. */
const openAttachments = async () =>
  openBlobStore({ files: await openFiles(join(workspace, "attachments")), meter: quietMeter });

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

/** The same in a journal with attachments and in files: rooms with messages, people whose state is 4 KB, and media that
 *  cannot be compressed. */
async function make(megabytes: number): Promise<void> {
  const { store, journal } = await openOwn();
  const files = join(workspace, "files");
  const slots = Array.from({ length: 16 }, (_, n) => `chat/${n}` as SlotId);
  const logs = new Map(await Promise.all(slots.map(async (slot) => [slot, await journal.openSlot(slot)] as const)));
  for (const log of logs.values()) await log.raise(1, true);
  let made = 0;
  /** What people and agents are is in their snapshots. */
  const states = new Map<string, unknown>();
  const blobs = await openAttachments();
  const pending = new Set<Promise<void>>();
  const write = async (actor: ActorId, side: readonly SideOp[]): Promise<void> => {
    const log = logs.get(slots[made % slots.length] as SlotId);
    const done = new Promise<void>((resolve, reject) => {
      log?.append(1, { atMs: 1, actor, events: [], answers: [], side }, (error) =>
        error ? reject(new Error(error.message)) : resolve(),
      );
    });
    pending.add(done);
    void done.finally(() => pending.delete(done));
    if (pending.size > 32) await Promise.race(pending);
  };
  const put = async (
    actor: ActorId,
    records: readonly (readonly [string, unknown])[],
    file: string,
    bytes: string | Uint8Array,
  ): Promise<void> => {
    if (records.length === 0) await write(actor, []);
    for (let at = 0; at < records.length; at += 500)
      await write(
        actor,
        records.slice(at, at + 500).map(([key, value]) => ({ space: "record", put: key, value })),
      );
    const path = join(files, file);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, bytes);
    made += 1;
  };
  const words =
    "the quick brown fox jumps over lazy dogs while servers hum and people talk about nothing in particular today".split(
      " ",
    );
  const text = (seed: Uint8Array): string => Array.from(seed, (byte) => words[byte % words.length]).join(" ");
  const padded = (n: number): string => String(n).padStart(12, "0");
  for (let room = 0; room < megabytes * 0.4; room += 1) {
    const records = Array.from({ length: 2_600 }, (_, n) => {
      const atMs = 1_790_000_000_000 + room * 1_000 + n * 900_000;
      return [
        `message/${padded(n)}`,
        { seq: n, author: `user/u${n % 50}`, atMs, text: text(randomBytes(50)), id: randomBytes(8).toString("hex") },
      ] as const;
    });
    await put(
      `room/r${room}` as ActorId,
      records,
      `rooms/${room}.jsonl`,
      records.map((row) => `${JSON.stringify(row)}\n`).join(""),
    );
  }
  for (let user = 0; user < megabytes * 24; user += 1) {
    const profile = {
      displayName: `u${user}`,
      about: text(randomBytes(600)),
      key: randomBytes(300).toString("base64"),
    };
    states.set(`user/u${user}`, { account: profile });
    await put(`user/u${user}` as ActorId, [], `users/${user % 100}/${user}.json`, JSON.stringify(profile));
  }
  for (let media = 0; media < megabytes * 0.4; media += 1) {
    const bytes = new Uint8Array(randomBytes(1_000_000));
    const { hash } = await blobs.put(once(bytes));
    states.set(`agent/u${media}.m`, { life: { pictures: [{ hash }] } });
    await put(`agent/u${media}.m` as ActorId, [], `media/${media}.bin`, bytes);
  }
  await Promise.all(pending);
  for (const log of logs.values()) {
    for (const actor of log.actorsBelow(log.lastSeq))
      log.snapshot(
        1,
        { actor, seq: log.lastSeq, body: { state: states.get(actor) ?? {}, answers: [] } },
        () => undefined,
      );
    await journal.settled();
    await new Promise<void>((resolve) => log.trim(1, log.durableSeq, () => resolve()));
  }
  await store.close();
}

const roomsWritten = 4;
/** Entries of a room until it is folded. */
const foldedEvery = 256;

/** Messages of some more kilobytes in a few rooms, each as a room has it: an entry of the log, a message, and the event
 *  for who follows. */
async function more(kilobytes: number): Promise<void> {
  const { store, journal } = await openOwn();
  const slots = (await journal.slots()).filter((slot) => slot !== chatSlot).slice(0, roomsWritten);
  const nowMs = Date.now();
  let messages = 0;
  for (const [room, slot] of slots.entries()) {
    const log = await journal.openSlot(slot);
    const actor = `room/r${room}` as ActorId;
    for (let bytes = 0, n = 0; bytes < (kilobytes * 1_000) / slots.length; n += 1) {
      const atMs = nowMs + n;
      const message = { author: "user/u1", atMs, text: randomBytes(100).toString("base64"), id: randomBytes(8).toString("hex") }; // prettier-ignore
      bytes += JSON.stringify(message).length;
      messages += 1;
      const number = String(log.lastSeq + 1).padStart(16, "0");
      const [value, event] = [message, { type: "posted", message }];
      const side: SideOp[] = [
        { space: "record", put: `message/${number}`, value },
        { space: "record", put: `event/${number}`, value: event },
      ];
      const entry = { atMs, actor, events: [event], answers: [], side };
      await new Promise<void>((resolve, reject) =>
        log.append(log.head.fence, entry, (error) => (error ? reject(new Error(error.message)) : resolve())),
      );
      if (messages % foldedEvery === 0) log.snapshot(log.head.fence, { actor, seq: log.lastSeq, body: { state: { newest: message }, answers: [] } }, () => undefined); // prettier-ignore
    }
  }
  await journal.settled();
  await store.close();
  process.stdout.write(`${JSON.stringify({ messages })}\n`);
}

/** Keys as a cluster has them, but for their hierarchy: one wraps all. */
async function openKeys(): Promise<BackupKeys> {
  const file = join(workspace, "key");
  if (!existsSync(file)) await writeFile(file, randomBytes(32));
  const key = await readFile(file);
  const sealer = sealerOf(key);
  const context = (of: object): Uint8Array => Buffer.from(JSON.stringify(of));
  const signing = createPrivateKey({
    key: Buffer.concat([Buffer.from("302e020100300506032b657004220420", "hex"), key]),
    format: "der",
    type: "pkcs8",
  });
  const verifying = createPublicKey(signing);
  return {
    epoch: 1,
    ensure: async () => undefined,
    seal: (of, bytes) => sealer.seal(bytes, context(of)),
    open(of, sealed) {
      const opened = sealer.open(sealed, context(of));
      if (opened === undefined) throw new Error("not this key");
      return opened;
    },
    head: {
      sign: (bytes) => sign(null, bytes, signing),
      verify: (bytes, signature) => isSigned(null, bytes, verifying, signature),
    },
  };
}

/** Each unit is sealed alone, as in version 1 of the format. */
const apart = (sealer: Sealer): Sealer => ({
  ...sealer,
  cut: (rows, tasks, how) => sealer.cut(rows, tasks, { ...how, together: false }),
});

async function openPorts(): Promise<BackupPorts> {
  const folders = Array.from({ length: 6 }, (_, n) => join(workspace, "holders", String(n)));
  for (const folder of folders) await mkdir(folder, { recursive: true });
  const all = await Promise.all(folders.map((folder) => openFiles(folder)));
  const stores = await Promise.all(
    folders.map(async (folder) => {
      const files = await openFiles(join(folder, "blobs"));
      return openBlobStore({ files, meter: quietMeter, syncedBytes: pacing.syncedBytes });
    }),
  );
  const sealer = createSealer({ threads: 1, idleMs: 1_000, piece: pacing.piece, isAlone: pacing.isAlone });
  const coder = { bytes: codedBytes, coding: codingStripe, read: readStripe };
  return {
    cluster: "bench",
    owner: "backup/bench" as ActorId,
    stripes: createFolderStripes(stores, coder, scheme, pacing.piece),
    heads: createFolderHeads(all),
    keys: await openKeys(),
    sealer: args.includes("apart") ? apart(sealer) : sealer,
    clock,
    random: createRandom(),
    log: quietLog,
    limits: backupLimits,
  };
}

/** What is said of an operation. */
async function measured(work: () => Promise<object | void>): Promise<void> {
  const [before, startMs] = [process.cpuUsage(), performance.now()];
  const came = await work();
  const { user, system } = process.cpuUsage(before);
  const wallSeconds = (performance.now() - startMs) / 1_000;
  process.stdout.write(`${JSON.stringify({ cpuSeconds: (user + system) / 1e6, wallSeconds, ...came })}\n`);
}

async function sourceOf(journal: Journal): Promise<SlotSource> {
  const blobs = await openAttachments();
  const read = async (_: ActorId, hash: string) => ok(await blobs.whole(hash));
  // A node has its slots open.
  for (const slot of await journal.slots()) await journal.openSlot(slot);
  const owned = async () => (await journal.slots()).filter((slot) => slot !== chatSlot);
  return pacedSource(
    journalSource({ owned, cut: async (slot) => (await journal.openSlot(slot)).cut() }, { read }),
    pacing,
  );
}

async function backup(ports: BackupPorts): Promise<void> {
  const { store, journal } = await openOwn();
  const source = await sourceOf(journal);
  await measured(async () => {
    const { missed, missedFiles, changedUnits, storedBytes } = await runBackup(
      ports,
      openRepository(ports),
      source,
      idle,
    );
    if (missed.length + missedFiles.total > 0) throw new Error(`missed: ${JSON.stringify({ missed, missedFiles })}`);
    return { changedUnits, packBytes: storedBytes };
  });
  await store.close();
}

const messagesPerSecond = 200;
const chatSeconds = 10;
/** People are there before a backup begins. */
const secondsBefore = 3;

/** Messages at a fixed rate into the journal of the same node, each synced, alone or while a backup is made. What is
 *  counted begins with the backup. */
async function chat(ports: BackupPorts, isBeside: boolean): Promise<void> {
  const { store, journal } = await openOwn();
  const source = await sourceOf(journal);
  const log = await journal.openSlot(chatSlot);
  await log.raise(log.head.fence + 1, true);
  const epoch = log.head.fence;
  const tooks: number[] = [];
  const send = (n: number): Promise<void> =>
    new Promise((resolve, reject) => {
      const startMs = performance.now();
      const side: SideOp[] = [{ space: "record", put: `message/${n}`, value: { text: "x".repeat(300) } }];
      const entry = { atMs: 1, actor: "room/beside" as ActorId, events: [], answers: [], side };
      log.append(epoch, entry, (error) => {
        tooks.push(performance.now() - startMs);
        if (error) reject(new Error(error.message));
        else resolve();
      });
    });
  const controller = new AbortController();
  let backedUpBytes = 0;
  const options = {
    ...idle,
    signal: controller.signal,
    progress: ({ bytes }: { readonly bytes: number }) => void (backedUpBytes = bytes),
  };
  const startMs = performance.now();
  const sent: Promise<void>[] = [];
  const chatUntil = async (seconds: number): Promise<void> => {
    while (performance.now() - startMs < seconds * 1_000) {
      const due = Math.floor(((performance.now() - startMs) / 1_000) * messagesPerSecond);
      while (sent.length < due) sent.push(send(sent.length));
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  };
  await chatUntil(secondsBefore);
  await Promise.all(sent);
  tooks.length = 0;
  const making = isBeside ? runBackup(ports, openRepository(ports), source, options).catch(() => undefined) : undefined;
  await chatUntil(secondsBefore + chatSeconds);
  controller.abort();
  pacing.stop();
  await Promise.all([...sent, making]);
  await store.close();
  const inOrder = tooks.sort((one, other) => one - other);
  const at = (share: number): number => inOrder[Math.floor(inOrder.length * share)] ?? 0;
  const megabytesPerSecond = backedUpBytes / 1e6 / chatSeconds;
  process.stdout.write(`${JSON.stringify({ p50Ms: at(0.5), p99Ms: at(0.99), megabytesPerSecond })}\n`);
}

async function restore(ports: BackupPorts, folder: string, thread?: string): Promise<void> {
  // restic syncs nothing of what it restores.
  const unsynced: Pick<Sealer, "write"> = {
    write: ({ parts, ...task }) =>
      ports.sealer.write({ ...task, synced: [], parts: parts.map((part) => ({ ...part, isLast: false })) }),
  };
  const sink = await openFolderSink(folder, unsynced);
  await recall(ports, openRepository(ports), thread === undefined ? {} : { thread }, sink, idle);
  await sink.finish({});
}

if (operation === "make") await make(Number(args[0]));
else if (operation === "more") await more(Number(args[0]));
else {
  const ports = await openPorts();
  const repository = openRepository(ports);
  if (operation === "backup") await backup(ports);
  else if (operation === "verify")
    await measured(async () => {
      const { snapshots } = await repository.state();
      const found = await verify(ports, repository, snapshots, { ...idle, depth: "shards" });
      if (found.lost.total + found.weak > 0) throw new Error("damage where there is none");
    });
  else if (operation === "restore") await measured(() => restore(ports, args[0] as string));
  else if (operation === "thread") await measured(() => restore(ports, args[1] as string, args[0]));
  else if (operation === "chat") await chat(ports, args[0] !== "alone");
  else throw new Error(`no such operation: ${operation}`);
  await ports.sealer.close();
}
