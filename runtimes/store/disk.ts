/** The store's folder: who writes what in which order, so that a crash at any moment leaves whole models and things
 *  that the next start removes.
 *
 *      adopt:    partial file ─ fsync ─► content/<sha256> ─ fsync folder        (held until a manifest names it)
 *      publish:  hard links in sets/<digest>/ ─ fsync ─► names/<name>.json by temporary, fsync, rename, fsync folder
 *      remove:   the manifest goes ─ fsync folder ─► what nothing names any more goes
 *
 *  Invariant: when a manifest is in `names`, each file that it names was synced before. */
import { link, mkdir, open, readdir, readFile, rename, rm, stat, truncate, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { assert, type RefusedModel, type StoredModel } from "../../protocols/index.ts";
import { syncFolder, whereThere } from "../folders.ts";
import { storeLimits } from "./limits.ts";
import { readManifest, writeManifest } from "./manifest.ts";

/** A store's folder, open. */
export interface StoreDisk {
  readonly models: ReadonlyMap<string, StoredModel>;
  readonly damaged: ReadonlySet<string>;
  readonly refused: readonly RefusedModel[];
  /** The folder of a pull; made when it is absent. */
  partial(id: string): Promise<string>;
  /** Forgets what a pull has fetched. */
  dropPartial(id: string): Promise<void>;
  /** Size of a file's content; undefined: it is not here. */
  has(digest: string): Promise<number | undefined>;
  contentPath(digest: string): string;
  leavesPath(digest: string): string;
  pathOf(model: StoredModel, file?: string): string;
  /** Makes a checked file content, and holds it until `release`. */
  adopt(path: string, file: { readonly digest: string; readonly leaves: Uint8Array }): Promise<void>;
  hold(digest: string): void;
  /** Writes the manifest. All files are content. */
  publish(model: StoredModel): Promise<void>;
  /** False: there is none. */
  remove(name: string): Promise<boolean>;
  /** Content that nobody holds and no manifest names goes. */
  release(digests: readonly string[]): Promise<void>;
  /** Keeps a file that was refused apart from the others. */
  refuse(path: string, about: Omit<RefusedModel, "id" | "size">): Promise<void>;
  /** Puts content that is not what its name says with the refused files; its models are damaged. */
  condemn(digest: string, about: Omit<RefusedModel, "id" | "size">): Promise<void>;
}

const folders = ["content", "sets", "names", "partial", "refused"] as const;
const digestPattern = /^[0-9a-f]{64}$/;

/** Opens the folder and removes what a crash has left. Errors: the system's. */
export async function openStoreDisk(folder: string, nowMs: number): Promise<StoreDisk> {
  const at = (...parts: readonly string[]): string => join(folder, ...parts);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  for (const name of folders) await mkdir(at(name), { recursive: true, mode: 0o700 });
  const models = new Map<string, StoredModel>();
  const damaged = new Set<string>();
  const held = new Map<string, number>();
  let refused: RefusedModel[] = [];
  let temporaries = 0;

  const contentPath = (digest: string): string => at("content", digest);
  const leavesPath = (digest: string): string => at("content", `${digest}.leaves`);
  const manifestPath = (name: string): string => at("names", `${encodeURIComponent(name)}.json`);
  const has = async (digest: string): Promise<number | undefined> =>
    (await whereThere(stat(contentPath(digest))))?.size;

  const isWhole = async ({ files, digest }: StoredModel): Promise<boolean> => {
    for (const file of files) {
      if ((await has(file.digest)) !== file.size) return false;
      if ((await whereThere(stat(at("sets", digest, file.path))))?.size !== file.size) return false;
    }
    return true;
  };

  /** Removes content and sets that nothing names. */
  const sweep = async (): Promise<void> => {
    const kept = new Set([...models.values()].flatMap(({ files }) => files.map(({ digest }) => digest)));
    for (const name of await readdir(at("content"))) {
      const digest = name.replace(/\.leaves$/, "");
      if (!kept.has(digest) && !held.has(digest)) await rm(at("content", name), { recursive: true, force: true });
    }
    const sets = new Set([...models.values()].map(({ digest }) => digest));
    for (const name of await readdir(at("sets")))
      if (!sets.has(name)) await rm(at("sets", name), { recursive: true, force: true });
  };

  for (const entry of await readdir(at("names"))) {
    if (!entry.endsWith(".json")) {
      await rm(at("names", entry), { force: true });
      continue;
    }
    const name = decoded(entry.slice(0, -".json".length));
    const model = readManifest(await readFile(at("names", entry)), name);
    // Not removed: somebody may know what it was.
    if (model === undefined) damaged.add(name);
    else {
      models.set(name, model);
      if (!(await isWhole(model))) damaged.add(name);
    }
  }
  // What a manifest that cannot be read named may still be saved by hand: nothing is swept beside one.
  if ([...damaged].every((name) => models.has(name))) await sweep();
  for (const name of await readdir(at("partial")))
    if (nowMs - ((await whereThere(stat(at("partial", name))))?.mtimeMs ?? 0) > storeLimits.partialKeptMs)
      await rm(at("partial", name), { recursive: true, force: true });
  for (const name of await readdir(at("refused"))) {
    const about = await whereThere(readFile(at("refused", name, "about.json"), "utf8"));
    const said = about === undefined ? undefined : asRefused(about);
    if (said === undefined) await rm(at("refused", name), { recursive: true, force: true });
    else refused.push(said);
  }
  refused.sort((one, other) => other.atMs - one.atMs);

  let last: Promise<unknown> = Promise.resolve();
  /** One change at a time: what is swept must not be what another has just adopted. */
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const mine = last.then(work);
    last = mine.catch(() => undefined);
    return mine;
  };

  const writeWhole = async (path: string, bytes: Uint8Array): Promise<void> => {
    temporaries += 1;
    const draft = `${path}.${temporaries}.new`;
    const file = await open(draft, "w", 0o600);
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(draft, path);
    await syncFolder(dirname(path));
  };

  /** Beyond the limits the oldest goes. */
  const keepFew = async (): Promise<void> => {
    for (const { id } of refused.slice(storeLimits.refusedKeptMax))
      await rm(at("refused", id), { recursive: true, force: true });
    refused = refused.slice(0, storeLimits.refusedKeptMax);
    let bytes = 0;
    for (const { id, size } of refused) {
      bytes += size;
      if (bytes > storeLimits.refusedBytesMax) await rm(at("refused", id, "file"), { force: true });
    }
  };

  const setApart = async (path: string, about: Omit<RefusedModel, "id" | "size">): Promise<void> => {
    const size = (await whereThere(stat(path)))?.size ?? 0;
    temporaries += 1;
    const id = `${about.atMs.toString(36)}-${temporaries}`;
    await mkdir(at("refused", id), { recursive: true, mode: 0o700 });
    const said: RefusedModel = { id, size, ...about };
    await writeFile(at("refused", id, "about.json"), JSON.stringify(said), { mode: 0o600 });
    if (size > 0) await rename(path, at("refused", id, "file"));
    refused = [said, ...refused];
    await keepFew();
  };

  const condemnedIn = (digest: string): readonly StoredModel[] =>
    [...models.values()].filter(({ files }) => files.some((file) => file.digest === digest));

  return {
    models,
    damaged,
    get refused() {
      return refused;
    },
    async partial(id) {
      await mkdir(at("partial", id), { recursive: true, mode: 0o700 });
      return at("partial", id);
    },
    dropPartial: (id) => rm(at("partial", id), { recursive: true, force: true }),
    has,
    contentPath,
    leavesPath,
    pathOf: ({ digest, main }, file = main) => at("sets", digest, file),
    hold(digest) {
      held.set(digest, (held.get(digest) ?? 0) + 1);
    },
    adopt: (path, { digest, leaves }) =>
      inTurn(async () => {
        assert(digestPattern.test(digest), "content is named by a SHA-256");
        await syncFile(path);
        await writeWhole(leavesPath(digest), leaves);
        await rename(path, contentPath(digest));
        await syncFolder(at("content"));
        held.set(digest, (held.get(digest) ?? 0) + 1);
      }),
    publish: (model) =>
      inTurn(async () => {
        const set = at("sets", model.digest);
        for (const file of model.files) {
          assert((await has(file.digest)) === file.size, "a manifest names what is on the disk");
          const path = join(set, file.path);
          await mkdir(dirname(path), { recursive: true, mode: 0o700 });
          await rm(path, { force: true });
          await link(contentPath(file.digest), path);
          await syncFolder(dirname(path));
        }
        await syncFolder(set);
        await syncFolder(at("sets"));
        const bytes = writeManifest(model);
        assert(readManifest(bytes, model.name) !== undefined, "a manifest can be read again");
        await writeWhole(manifestPath(model.name), bytes);
        models.set(model.name, model);
        damaged.delete(model.name);
        for (const other of models.values())
          if (damaged.has(other.name) && (await isWhole(other))) damaged.delete(other.name);
        await sweep();
      }),
    remove: (name) =>
      inTurn(async () => {
        if (!models.has(name) && !damaged.has(name)) return false;
        await rm(manifestPath(name), { force: true });
        await syncFolder(at("names"));
        models.delete(name);
        damaged.delete(name);
        await sweep();
        return true;
      }),
    release: (digests) =>
      inTurn(async () => {
        for (const digest of digests) {
          const left = (held.get(digest) ?? 0) - 1;
          if (left > 0) held.set(digest, left);
          else held.delete(digest);
        }
        await sweep();
      }),
    refuse: (path, about) => inTurn(() => setApart(path, about)),
    condemn: (digest, about) =>
      inTurn(async () => {
        for (const model of condemnedIn(digest)) {
          damaged.add(model.name);
          for (const file of model.files)
            if (file.digest === digest) await rm(at("sets", model.digest, file.path), { force: true });
        }
        await rm(leavesPath(digest), { force: true });
        await setApart(contentPath(digest), about);
      }),
  };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function asRefused(text: string): RefusedModel | undefined {
  try {
    const value = JSON.parse(text) as Partial<RefusedModel>;
    const { id, source, file, size, reason, atMs } = value;
    const isOne =
      [id, source, file, reason].every((part) => typeof part === "string") &&
      [size, atMs].every((part) => typeof part === "number");
    return isOne ? (value as RefusedModel) : undefined;
  } catch {
    return undefined;
  }
}

async function syncFile(path: string): Promise<void> {
  const file = await open(path, "r+");
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

/** A file that is being fetched, from some byte on. */
export interface PartialFile {
  write(bytes: Uint8Array): Promise<void>;
  close(): Promise<void>;
}

/** Opens a file to go on at `from`; what was behind that goes. */
export async function continueFile(path: string, from: number): Promise<PartialFile> {
  const file = await open(path, from === 0 ? "w" : "r+", 0o600);
  if (from > 0) await truncate(path, from);
  let position = from;
  return {
    async write(bytes) {
      for (let done = 0; done < bytes.length;) {
        const { bytesWritten } = await file.write(bytes, done, bytes.length - done, position);
        done += bytesWritten;
        position += bytesWritten;
      }
    },
    close: () => file.close(),
  };
}

/** Size of what was fetched of a file. */
export const fetchedBytes = async (path: string): Promise<number> => (await whereThere(stat(path)))?.size ?? 0;
