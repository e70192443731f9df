import type { IRangeRequest, IRangeResponse, IWatchResponse, ITxnRequest, ITxnResponse } from "etcd3";
import { decode, encode, failure, PlexusError } from "../../protocols/index.ts";
import type { Clock, Directory, DirectoryRow, Log } from "../ports.ts";
import { createEtcdFeed } from "./etcd-feed.ts";
import { createEtcdServers, type Accept, type EtcdSecurity } from "./etcd-servers.ts";
import { directoryLimits, type DirectoryLimits } from "./limits.ts";
import { checkKey, decodeRow, encodeValue, unavailable, type DirectoryHome } from "./row.ts";

/** The watch relies on progress on request, which older servers lack. */
const versionMin = { major: 3, minor: 4 };

/** Whether a directory can be kept by an etcd of this version. */
export function isSupportedEtcd(version: string): boolean {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  return major > versionMin.major || (major === versionMin.major && minor >= versionMin.minor);
}

/** The directory in an etcd cluster.
 *
 *      <prefix>head       { state, source, base }   made once; a directory that is `copying` serves nobody
 *      <prefix>row/<key>  value
 *
 *  A row's revision is etcd's mod_revision plus `base`: the last revision of the embedded directory it was moved from (0
 *  if it never was). So revisions go on rising through the move, and what was read before it matches nothing after it.
 *
 *  An etcd without the head is not this directory, whatever it answers: it is another one, or has lost its data. It counts
 *  as one that is away, and nothing is begun in it but by the first node of a new cluster. So does one that has gone back
 *  behind what it told this process: a process that knows more than the rows must not go on from them. Every question
 *  carries the first condition, every answer is measured by the second. */
export interface EtcdDirectory extends Directory {
  readonly home: DirectoryHome;
  /** Resolves when it can be used. Errors: DIRECTORY_UNAVAILABLE, VERSION_UNSUPPORTED. */
  opened(): Promise<void>;
  /** Why its watchers hear nothing now; undefined while they do, and before it is known. */
  trouble(): string | undefined;
  /** Takes over the rows of another directory, all or nothing: until the last one is there, it serves nobody. `source` says
   *  whose they are. May be repeated after a failure. Error: ALREADY_DONE (it is another one's, or in use). */
  fill(source: string, rows: readonly DirectoryRow[], base: number): Promise<void>;
  close(): void;
}

interface Head {
  readonly state: "copying" | "ready";
  readonly source: string;
  readonly base: number;
}

export function createEtcdDirectory(
  ports: DirectoryHome & {
    readonly clock: Pick<Clock, "nowMs" | "after">;
    readonly log: Log;
    readonly limits?: DirectoryLimits;
    readonly security?: EtcdSecurity;
    /** It may be begun here: this is the first node of a new cluster. */
    readonly founding?: boolean;
  },
): EtcdDirectory {
  const { endpoints, prefix, clock, log, limits = directoryLimits, security = {}, founding } = ports;
  const servers = createEtcdServers({ endpoints, clock, limits, security });
  const location = `etcd ${prefix}`;
  const headKey = Buffer.from(`${prefix}head`);
  const rowPrefix = `${prefix}row/`;
  const rowKey = (key: string): Buffer => Buffer.from(`${rowPrefix}${key}`);
  const nameOf = (key: Buffer): string => key.toString("latin1").slice(rowPrefix.length);
  const hasHead = { key: headKey, target: "Create", result: "Greater", create_revision: 0 } as const;
  let opening: Promise<number> | undefined;
  /** The highest of etcd's revisions that an answer came with. */
  let seen = 0;

  /** Refuses answers of another directory: `isHere` says whether the head is there. To be made before the question
   *  is asked: of two answers the later may come first. */
  const accept = (isHere: (answer: ITxnResponse) => boolean): Accept => {
    const floor = seen;
    return (answer) => {
      if (!isHere(answer)) throw new Error(foreign);
      const revision = Number(answer.header.revision);
      if (revision < floor) throw new Error(`${outdated} (revision ${revision}, was ${floor})`);
      seen = Math.max(seen, revision);
    };
  };
  const range = async (
    request: IRangeRequest,
  ): Promise<{ readonly page: IRangeResponse; readonly revision: string; readonly cluster: string }> => {
    const { header, responses } = await servers.look(
      { compare: [hasHead], success: [{ request_range: request }] },
      accept(({ succeeded }) => succeeded),
    );
    const page = responses[0]?.response_range as IRangeResponse;
    return { page, revision: header.revision, cluster: header.cluster_id };
  };

  /** Undefined: nobody has used this prefix. */
  const readHead = async (
    mayMiss: boolean,
  ): Promise<{ readonly head: Head; readonly revision: string } | undefined> => {
    const kvsOf = ({ responses }: ITxnResponse) => responses[0]?.response_range?.kvs ?? [];
    const answer = await servers.look(
      { success: [{ request_range: { key: headKey } }] },
      accept((told) => mayMiss || kvsOf(told).length > 0),
    );
    const [found] = kvsOf(answer);
    return found && { head: decode(found.value) as Head, revision: found.mod_revision };
  };
  const writeHead = async (head: Head, ifRevision: string | number): Promise<number | undefined> => {
    const { succeeded, header } = await servers.transact(
      {
        compare: [isAt(headKey, ifRevision)],
        success: [put(headKey, encode(head))],
      },
      accept(() => true),
    );
    return succeeded ? Number(header.revision) : undefined;
  };

  const checkVersion = async (): Promise<void> => {
    const version = await servers.version();
    if (!isSupportedEtcd(version))
      throw new PlexusError(failure("VERSION_UNSUPPORTED", { etcd: version, versionMin: "3.4" }));
  };

  const open = async (): Promise<number> => {
    await checkVersion();
    if ((await readHead(founding === true)) === undefined) await writeHead({ state: "ready", source: "", base: 0 }, 0);
    const found = await readHead(false);
    if (found?.head.state !== "ready") throw unavailable("it is being filled");
    return found.head.base;
  };
  /** The number to add to etcd's revisions. Read once: it never changes. */
  const base = (): Promise<number> => {
    opening ??= open().catch((error: unknown) => {
      opening = undefined;
      throw error;
    });
    return opening;
  };

  const toRows = (kvs: IRangeResponse["kvs"], plus: number): DirectoryRow[] =>
    kvs.map(({ key, value, mod_revision }) => decodeRow(nameOf(key), Number(mod_revision) + plus, value, location));

  const read = async (key: string): Promise<DirectoryRow | undefined> => {
    checkKey(key);
    const plus = await base();
    return toRows((await range({ key: rowKey(key) })).page.kvs, plus)[0];
  };

  /** Rows as of one revision of etcd's; begun again when that is compacted away before the last page. */
  const readAll = async (under: string) => {
    const plus = await base();
    const range_end = endOf(rowPrefix + under);
    for (let attempt = 1; ; attempt += 1) {
      const {
        page: first,
        revision,
        cluster,
      } = await range({ key: rowKey(under), range_end, limit: limits.scanRowsMax });
      const rows = toRows(first.kvs, plus);
      try {
        for (let page = first; page.more;) {
          const key = Buffer.concat([page.kvs.at(-1)?.key ?? Buffer.of(), Buffer.of(0)]);
          ({ page } = await range({ key, range_end, limit: limits.scanRowsMax, revision }));
          rows.push(...toRows(page.kvs, plus));
        }
        return { rows, revision: Number(revision), cluster };
      } catch (error) {
        if (attempt >= limits.listAttemptsMax) throw error;
      }
    }
  };

  let plusOfFeed = 0;
  const feed = createEtcdFeed({
    servers,
    clock,
    log,
    limits,
    // With the head: that it goes is told before the rows that go with it, in the same breath.
    range: { key: Buffer.from(prefix), range_end: endOf(prefix) },
    readRevision: async () => Number((await range({ key: headKey, count_only: true })).revision),
    async readLevel() {
      plusOfFeed = await base();
      return readAll("");
    },
    toEvents: ({ events }: IWatchResponse) =>
      events.flatMap(({ type, kv }) => {
        if (headKey.equals(kv.key) && type === "Delete") throw new Error(foreign);
        if (!kv.key.toString("latin1").startsWith(rowPrefix)) return [];
        const revision = Number(kv.mod_revision) + plusOfFeed;
        const key = nameOf(kv.key);
        return type === "Put" ? { row: decodeRow(key, revision, kv.value, location) } : { key, revision };
      }),
  });
  return {
    home: { endpoints, prefix },
    async opened() {
      await base();
    },
    read,
    list: async (under) => (await readAll(under)).rows,
    async compareAndSet(key, value, revision, guard) {
      const bytes = encodeValue(key, value);
      const plus = await base();
      // A revision from before the move, of a row that cannot be there. As a negative number it would have a meaning in etcd.
      const impossible = (expected: number): boolean => expected !== 0 && expected <= plus;
      if (impossible(revision) || (guard !== undefined && impossible(guard.revision)))
        return { applied: false, row: await read(key) };
      const compare = [hasHead, isAt(rowKey(key), revision && revision - plus)];
      if (guard !== undefined) compare.push(isAt(rowKey(guard.key), guard.revision && guard.revision - plus));
      const { succeeded, header, responses } = await servers.transact(
        {
          compare,
          success: [bytes === undefined ? { request_delete_range: { key: rowKey(key) } } : put(rowKey(key), bytes)],
          failure: [{ request_range: { key: rowKey(key) } }, { request_range: { key: headKey, count_only: true } }],
        },
        accept((answer) => answer.succeeded || Number(answer.responses[1]?.response_range?.count) > 0),
      );
      if (!succeeded) return { applied: false, row: toRows(responses[0]?.response_range?.kvs ?? [], plus)[0] };
      return {
        applied: true,
        row: bytes && decodeRow(key, Number(header.revision) + plus, bytes, location),
      };
    },
    watch: (under, watcher) => feed.watch(under, watcher),
    trouble: () => feed.trouble(),
    async fill(source, rows, from) {
      // Before anything is moved there, from where there is no way back.
      await checkVersion();
      const found = await readHead(true);
      if (found !== undefined) {
        if (found.head.source !== source)
          throw new PlexusError(failure("ALREADY_DONE", { reason: "another directory lies here", prefix }));
        // All rows were here, and only the last step was missing. Rows with another base were left by an earlier attempt: no node
        // was ever sent to them, and the rows have changed since.
        if (found.head.state === "ready" && found.head.base === from) return;
      }
      const mine = await writeHead({ state: "copying", source, base: from }, found?.revision ?? 0);
      if (mine === undefined) throw unavailable("somebody else is filling it");
      // A change of an earlier attempt that arrives only now no longer fits this revision of the head.
      const write = async (success: NonNullable<ITxnRequest["success"]>): Promise<void> => {
        const { succeeded } = await servers.transact(
          { compare: [isAt(headKey, mine)], success },
          accept(() => true),
        );
        if (!succeeded) throw unavailable("somebody else is filling it");
      };
      await write([{ request_delete_range: { key: rowKey(""), range_end: endOf(rowPrefix) } }]);
      let group: ReturnType<typeof put>[] = [];
      let bytes = 0;
      for (const { key, value } of rows) {
        const encoded = encodeValue(key, value) as Uint8Array;
        group.push(put(rowKey(key), encoded));
        bytes += encoded.length;
        if (group.length < limits.fillRowsMax && bytes < limits.fillBytesMax) continue;
        await write(group);
        group = [];
        bytes = 0;
      }
      if (group.length > 0) await write(group);
      if ((await writeHead({ state: "ready", source, base: from }, mine)) === undefined)
        throw unavailable("somebody else is filling it");
    },
    close() {
      feed.close();
      servers.close();
    },
  };
}

const foreign =
  "nothing of this cluster is there; is it the right etcd (--etcd)? If it has lost its data, restore that from a backup of " +
  "etcd, and keep the data folders";
const outdated =
  "it is older than what it told before; if it was restored from a backup, stop all nodes, then start them";

const isAt = (key: Buffer, mod_revision: string | number) =>
  ({ key, target: "Mod", result: "Equal", mod_revision }) as const;

const put = (key: Buffer, value: Uint8Array) => ({
  request_put: { key, value: Buffer.from(value.buffer, value.byteOffset, value.byteLength) },
});

/** The key after all that begin so. Prefixes are ASCII, so the last byte has a successor. */
function endOf(prefix: string): Buffer {
  const end = Buffer.from(prefix);
  end[end.length - 1] = (end.at(-1) ?? 0) + 1;
  return end;
}
