import { decode, encode, failure, failureOf, PlexusError } from "../../../protocols/index.ts";
import type { Clock, Directory, DirectoryRow, Log } from "../../ports/index.ts";
import { createEtcdFeed } from "./etcd-feed.ts";
import { describeRefusal, saysRefusal } from "./etcd-refusals.ts";
import { createEtcdServers, type Accept, type EtcdLink } from "./etcd-servers.ts";
import type {
  Compare,
  EtcdSecurity,
  RangeRequest,
  RangeResponse,
  RequestOp,
  TxnResponse,
  WatchResponse,
} from "./etcd-wire.ts";
import { directoryLimits, type DirectoryLimits } from "./limits.ts";
import { checkKey, decodeRow, encodeValue, homeIn, moved, unavailable, type EtcdHome, type VotersHome } from "./row.ts";

/** The watch relies on progress on request, which older servers lack. */
const versionMin = { major: 3, minor: 4 };

/** Whether a directory can be kept by an etcd of this version. */
export function isSupportedEtcd(version: string): boolean {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  return major > versionMin.major || (major === versionMin.major && minor >= versionMin.minor);
}

/** The directory in an etcd cluster.
 *
 *      <prefix>head       { state, source, base, given }   there while the directory is here; `copying` serves nobody
 *      <prefix>row/<key>  value
 *      <prefix>left       { head }, while the rows are copied to a voter; then { home }: it is with voters.
 *                         There is a head, or this
 *
 *  A row's revision is etcd's mod_revision plus `base`: the last revision of the embedded directory it was moved from
 *  (0 if it never was). So revisions go on rising through the move, and what was read before it matches nothing after
 *  it.
 *
 *  An etcd without the head is not this directory, whatever it answers: it is another one, or has lost its data. It
 *  counts as one that is away, and nothing is begun in it but by the first node of a new cluster. So does one that has
 *  gone back behind what it told this process: a process that knows more than the rows must not go on from them. Every
 *  question carries the first condition, every answer is measured by the second.
 *
 *      head ──► left { head }: no change fits any more ──► copied ──► left { home }: the one moment of the move
 *        ▲──── the copy failed, or its node is silent for `leaveMs` ──────────┘
 *
 *  Each step is one transaction that compares the one before. So a node that copies for too long has copied for
 *  nothing. Its copy is of a generation that is given out once, and is never asked for. */
export interface EtcdDirectory extends Directory {
  readonly home: EtcdHome;
  /** Resolves when it can be used. Errors: DIRECTORY_UNAVAILABLE, VERSION_UNSUPPORTED. */
  opened(): Promise<void>;
  /** Why its watchers hear nothing now; undefined while they do, and before it is known. */
  trouble(): string | undefined;
  /** Why it takes no change while it tells what it has, and what to type; undefined while it takes them. */
  refusal(): string | undefined;
  /** Takes over the rows of another directory, all or nothing: until the last one is there, it serves nobody. `source`
   *  says whose they are. May be repeated after a failure. Error: ALREADY_DONE (it is another one's, or in use). */
  fill(source: string, rows: readonly DirectoryRow[], base: number): Promise<void>;
  /** Gives all rows away for good, to voters of a generation that nobody was given before. Nothing changes while `copy`
   *  runs; if it fails, things go on as before. From then on every operation ends with DIRECTORY_MOVED. Errors: those
   *  of `copy`; DIRECTORY_UNAVAILABLE: it is being moved, or nobody knows. */
  handOver(
    voters: readonly string[],
    copy: (generation: number, rows: readonly DirectoryRow[], revision: number) => Promise<void>,
  ): Promise<{ readonly home: VotersHome; readonly rows: number }>;
  close(): void;
}

interface Head {
  readonly state: "copying" | "ready";
  readonly source: string;
  readonly base: number;
  /** The highest generation that somebody was to take the rows to. */
  readonly given?: number;
}

/** What lies there instead of the head. */
type Left = { readonly head: Head } | { readonly home: VotersHome };

/** What it needs. */
interface EtcdPorts extends EtcdHome, EtcdLink {
  readonly clock: Pick<Clock, "nowMs" | "monotonicMs" | "after">;
  readonly log: Log;
  readonly limits?: DirectoryLimits;
  readonly security?: EtcdSecurity;
  /** It may be begun here: this is the first node of a new cluster. */
  readonly founding?: boolean;
  /** Told where it is, when it is found to be with voters. */
  readonly onMoved?: (home: VotersHome) => void;
}

export function createEtcdDirectory(ports: EtcdPorts): EtcdDirectory {
  const { endpoints, prefix, generation = 0, clock, log, limits = directoryLimits, security = {}, founding } = ports;
  const servers = createEtcdServers({ ...ports, limits, security });
  const location = `etcd ${prefix}`;
  const headKey = Buffer.from(`${prefix}head`);
  const leftKey = Buffer.from(`${prefix}left`);
  const rowPrefix = `${prefix}row/`;
  const rowKey = (key: string): Buffer => Buffer.from(`${rowPrefix}${key}`);
  const nameOf = (key: Buffer): string => key.toString("latin1").slice(rowPrefix.length);
  const hasHead = { key: headKey, target: "CREATE", result: "GREATER", create_revision: 0 } as const;
  let opening: Promise<number> | undefined;
  /** The highest of etcd's revisions that an answer came with. */
  let seen = 0;

  let refusal: string | undefined;
  /** What etcd says of itself is said of all of its members. */
  const noteRefusal = (said: string | undefined, revision: number): string | undefined => {
    const next = said === undefined ? undefined : describeRefusal(said, endpoints, revision);
    if (refusal === undefined && next !== undefined) log.error("directory.refuses", { because: next });
    if (refusal !== undefined && next === undefined) log.info("directory.accepts");
    refusal = next;
    return next;
  };
  const lookAtRefusal = async (): Promise<void> => {
    const status = await servers.status().catch(() => undefined);
    // A member of etcd that does not answer says nothing of it.
    if (status !== undefined) noteRefusal(status.errors.find(saysRefusal), Number(status.header.revision));
  };
  /** A change of rows, or of the head. */
  const transact: typeof servers.transact = (request, isAccepted) =>
    servers.transact(request, isAccepted).catch((error: unknown) => {
      const { because, refuses } = failureOf(error).details ?? {};
      if (refuses !== true) throw error;
      throw unavailable(noteRefusal(String(because), seen) ?? "", error, { asked: false, refuses });
    });

  /** Refuses answers of another directory: `isHere` says whether the head is there. To be made before the question
   *  is asked: of two answers the later may come first. */
  const accept = (isHere: (answer: TxnResponse) => boolean): Accept => {
    const floor = seen;
    return (answer) => {
      if (!isHere(answer)) throw new Error(foreign);
      const revision = Number(answer.header.revision);
      if (revision < floor) throw new Error(`${outdated} (revision ${revision}, was ${floor})`);
      seen = Math.max(seen, revision);
    };
  };
  const readLeft = { request_range: { key: leftKey } };
  /** What an answer says of a directory that has no head. Error: DIRECTORY_MOVED. */
  const leaving = (answer: TxnResponse, at: number): { readonly head: Head; readonly revision: string } | undefined => {
    const [found] = answer.responses[at]?.response_range?.kvs ?? [];
    const left = found && (decode(found.value) as Left);
    if (left === undefined || !("home" in left)) return left && { ...left, revision: found?.mod_revision ?? "" };
    ports.onMoved?.(left.home);
    throw moved(left.home);
  };
  /** The node that copies the rows may have died: a node that sees the same for long enough undoes the move. */
  let seenLeaving = { revision: "", sinceMs: 0 };
  const awaitReturn = async ({
    head,
    revision,
  }: {
    readonly head: Head;
    readonly revision: string;
  }): Promise<never> => {
    const nowMs = clock.monotonicMs();
    if (seenLeaving.revision !== revision) seenLeaving = { revision, sinceMs: nowMs };
    else if (nowMs - seenLeaving.sinceMs >= limits.leaveMs) await comeBack(head, revision);
    throw unavailable("the directory is being moved", undefined, { asked: false });
  };
  /** The rows stay here after all, unless they are gone by now. */
  const comeBack = async (head: Head, left: string): Promise<boolean> => {
    const { succeeded } = await transact(
      {
        compare: [isAt(leftKey, left)],
        success: [put(headKey, encode(head)), { request_delete_range: { key: leftKey } }],
      },
      accept(() => true),
    );
    return succeeded;
  };
  /** `unless`: the revision of what lies there instead of the head, and its rows are read nevertheless. */
  const range = async (
    request: RangeRequest,
    unless?: string,
  ): Promise<{ readonly page: RangeResponse; readonly revision: string; readonly cluster: string }> => {
    const answer = await servers.look(
      {
        compare: [unless === undefined ? hasHead : isAt(leftKey, unless)],
        success: [{ request_range: request }],
        failure: [readLeft],
      },
      accept(
        ({ succeeded, responses: told }) =>
          succeeded || unless !== undefined || (told[0]?.response_range?.kvs ?? []).length > 0,
      ),
    );
    const { header, responses } = answer;
    if (!answer.succeeded) {
      const found = leaving(answer, 0);
      if (unless !== undefined) throw unavailable(undone, undefined, { asked: false });
      if (found !== undefined) await awaitReturn(found);
    }
    const page = responses[0]?.response_range as RangeResponse;
    return { page, revision: header.revision, cluster: header.cluster_id };
  };

  /** Undefined: nobody has used this prefix. */
  const readHead = async (
    mayMiss: boolean,
  ): Promise<{ readonly head: Head; readonly revision: string } | undefined> => {
    const kvsOf = ({ responses }: TxnResponse, at: number) => responses[at]?.response_range?.kvs ?? [];
    const answer = await servers.look(
      { success: [{ request_range: { key: headKey } }, readLeft] },
      accept((told) => mayMiss || kvsOf(told, 0).length + kvsOf(told, 1).length > 0),
    );
    const found = leaving(answer, 1);
    if (found !== undefined) return awaitReturn(found);
    const [head] = kvsOf(answer, 0);
    return head && { head: decode(head.value) as Head, revision: head.mod_revision };
  };
  const writeHead = async (head: Head, ifRevision: string | number): Promise<number | undefined> => {
    const { succeeded, header } = await transact(
      {
        compare: [isAt(headKey, ifRevision), isAt(leftKey, 0)],
        success: [put(headKey, encode(head))],
      },
      accept(() => true),
    );
    return succeeded ? Number(header.revision) : undefined;
  };

  const checkVersion = async (): Promise<void> => {
    const { version } = await servers.status();
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

  const toRows = (kvs: RangeResponse["kvs"], plus: number): DirectoryRow[] =>
    kvs.map(({ key, value, mod_revision }) => decodeRow(nameOf(key), Number(mod_revision) + plus, value, location));

  const read = async (key: string): Promise<DirectoryRow | undefined> => {
    checkKey(key);
    const plus = await base();
    return toRows((await range({ key: rowKey(key) })).page.kvs, plus)[0];
  };

  /** Rows as of one revision of etcd's; begun again when that is compacted away before the last page. */
  const readAll = async (under: string, unless?: string) => {
    const plus = await base();
    const range_end = endOf(rowPrefix + under);
    for (let attempt = 1; ; attempt += 1) {
      const {
        page: first,
        revision,
        cluster,
      } = await range({ key: rowKey(under), range_end, limit: limits.scanRowsMax }, unless);
      const rows = toRows(first.kvs, plus);
      try {
        for (let page = first; page.more;) {
          const key = Buffer.concat([page.kvs.at(-1)?.key ?? Buffer.of(), Buffer.of(0)]);
          ({ page } = await range({ key, range_end, limit: limits.scanRowsMax, revision }, unless));
          rows.push(...toRows(page.kvs, plus));
        }
        return { rows, revision: Number(revision), cluster };
      } catch (error) {
        if (attempt >= limits.listAttemptsMax || failureOf(error).code === "DIRECTORY_MOVED") throw error;
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
    lookAtRefusal,
    readRevision: async () => Number((await range({ key: headKey, count_only: true })).revision),
    async readLevel() {
      plusOfFeed = await base();
      return readAll("");
    },
    toEvents: ({ events }: WatchResponse) =>
      events.flatMap(({ type, kv }) => {
        if (headKey.equals(kv.key) && type === "DELETE")
          throw new Error(events.some((one) => leftKey.equals(one.kv.key)) ? "the directory is being moved" : foreign);
        if (!kv.key.toString("latin1").startsWith(rowPrefix)) return [];
        const revision = Number(kv.mod_revision) + plusOfFeed;
        const key = nameOf(kv.key);
        return type === "PUT" ? { row: decodeRow(key, revision, kv.value, location) } : { key, revision };
      }),
  });
  return {
    home: { endpoints, prefix, ...(ports.generation !== undefined && { generation }) },
    async opened() {
      await base();
    },
    read,
    list: async (under) => (await readAll(under)).rows,
    async compareAndSet(key, value, revision, guard) {
      const bytes = encodeValue(key, value);
      const plus = await base();
      // A revision from before the move, of a row that cannot be there. As a negative number it would have a meaning in
      // etcd.
      const impossible = (expected: number): boolean => expected !== 0 && expected <= plus;
      if (impossible(revision) || (guard !== undefined && impossible(guard.revision)))
        return { applied: false, row: await read(key) };
      const compare = [hasHead, isAt(rowKey(key), revision && revision - plus)];
      if (guard !== undefined) compare.push(isAt(rowKey(guard.key), guard.revision && guard.revision - plus));
      const answer = await transact(
        {
          compare,
          success: [bytes === undefined ? { request_delete_range: { key: rowKey(key) } } : put(rowKey(key), bytes)],
          failure: [
            { request_range: { key: rowKey(key) } },
            { request_range: { key: headKey, count_only: true } },
            readLeft,
          ],
        },
        accept(({ succeeded: done, responses: told }) => {
          const isThere = (at: number): boolean => Number(told[at]?.response_range?.count) > 0;
          return done || isThere(1) || isThere(2);
        }),
      );
      const { succeeded, header, responses } = answer;
      if (!succeeded) {
        const left = leaving(answer, 2);
        if (left !== undefined) return awaitReturn(left);
        return { applied: false, row: toRows(responses[0]?.response_range?.kvs ?? [], plus)[0] };
      }
      return {
        applied: true,
        row: bytes && decodeRow(key, Number(header.revision) + plus, bytes, location),
      };
    },
    watch: (under, watcher) => feed.watch(under, watcher),
    trouble: () => feed.trouble(),
    refusal: () => refusal,
    async fill(source, rows, from) {
      // Before anything is moved there, from where there is no way back.
      await checkVersion();
      const found = await readHead(true);
      if (found !== undefined) {
        // Newer rows than these: the filling node has been replaced, and its successors have moved.
        if (found.head.source !== source || found.head.base > from)
          throw new PlexusError(failure("ALREADY_DONE", { reason: "another directory lies here", prefix }));
        // All rows were here, and only the last step was missing. Rows with another base were left by an earlier
        // attempt: no node was ever sent to them, and the rows have changed since.
        if (found.head.state === "ready" && found.head.base === from) return;
      }
      const mine = await writeHead({ state: "copying", source, base: from }, found?.revision ?? 0);
      if (mine === undefined) throw unavailable("another node is already moving the directory there");
      // A change of an earlier attempt that arrives only now no longer fits this revision of the head.
      const write = async (success: readonly RequestOp[]): Promise<void> => {
        const { succeeded } = await transact(
          { compare: [isAt(headKey, mine)], success },
          accept(() => true),
        );
        if (!succeeded) throw unavailable("another node is already moving the directory there");
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
        throw unavailable("another node is already moving the directory there");
    },
    async handOver(voters, copy) {
      const plus = await base();
      const found = await readHead(false);
      if (found?.head.state !== "ready") throw unavailable("it is being filled");
      // Given out before anything is kept anywhere under this number, and never again.
      const next = Math.max(generation, found.head.given ?? 0) + 1;
      const head: Head = { ...found.head, given: next };
      const home: VotersHome = { generation: next, voters };
      const writeLeft = async (left: Left, compare: readonly Compare[], also: readonly RequestOp[] = []) => {
        const { succeeded, header } = await transact(
          { compare, success: [put(leftKey, encode(left)), ...also] },
          accept(() => true),
        );
        return succeeded ? header.revision : undefined;
      };
      const left = await writeLeft(
        { head },
        [isAt(headKey, found.revision)],
        [{ request_delete_range: { key: headKey } }],
      );
      if (left === undefined) throw unavailable("another node is moving the directory", undefined, { asked: false });
      let copied = 0;
      try {
        const { rows } = await readAll("", left);
        copied = rows.length;
        await copy(next, rows, Number(left) + plus);
        if ((await writeLeft({ home }, [isAt(leftKey, left)])) === undefined)
          throw unavailable(undone, undefined, { asked: false });
        return { home, rows: rows.length };
      } catch (error) {
        // What cannot be undone now is undone by a node that sees it for long enough.
        if (await comeBack(head, left).catch(() => true)) throw error;
        // Somebody undid it, or the last step had come about.
        const now = await readHead(true).then(() => undefined, homeIn);
        if (now?.generation !== next) throw error;
        return { home, rows: copied };
      }
    },
    close() {
      feed.close();
      servers.close();
    },
  };
}

const foreign =
  "this etcd has nothing of this cluster; is it the right one (--etcd)? If it has lost its data, restore that from a " +
  "backup of etcd, and keep the data folders";
const outdated = "its data is older than what it told before; if etcd was restored, stop all nodes, then start them";

const undone = "the move took too long, and another node undid it";

const isAt = (key: Buffer, mod_revision: string | number) =>
  ({ key, target: "MOD", result: "EQUAL", mod_revision }) as const;

const put = (key: Buffer, value: Uint8Array) => ({
  request_put: { key, value: Buffer.from(value.buffer, value.byteOffset, value.byteLength) },
});

/** The key after all that begin so. Prefixes are ASCII, so the last byte has a successor. */
function endOf(prefix: string): Buffer {
  const end = Buffer.from(prefix);
  end[end.length - 1] = (end.at(-1) ?? 0) + 1;
  return end;
}
