import { checkOf } from "../../protocols/wire/check.ts";
import {
  auditDone,
  auditQuery,
  failure,
  failureOf,
  ok,
  refused,
  type AuditFilter,
  type AuditFound,
  type AuditLogs,
  type AuditQuery,
  type AuditRecord,
  type AuditRetention,
  type AuditRetentionView,
  type AuditSink,
  type AuditSinkState,
  type AuditWriter,
  type Result,
  type SinkTested,
} from "../../protocols/index.ts";
import type { Membership, Store } from "../ports/index.ts";
import type { Exchange } from "../cluster/exchange/index.ts";
import { AuditBook, writerOf } from "./book.ts";
import { exportLines, exportProof, type AuditFormat } from "./export.ts";
import { keepersOf, keepLogs, tellGrown } from "./keeping.ts";
import { auditLimits, type AuditLimits } from "./limits.ts";
import { pushLogs, type Push } from "./push.ts";
import { sendBatch, type PushTo } from "./push-batch.ts";
import { createReport, type ReportPeriod } from "./report.ts";
import { reportPage, reportText } from "./report-text.ts";
import { removableUpTo } from "./retention.ts";
import { headText, isHeadSound, recordOf, type AuditHead } from "./chain.ts";
import { oldestFirst, search } from "./search.ts";
import { openOwnLog, type LogPorts } from "./writer.ts";
import { nameIn } from "../cluster/facts/members.ts";

interface AuditPorts extends LogPorts {
  readonly store: Store;
  readonly limits?: Partial<AuditLimits>;
}

/** What a node needs of the others, once there is a mesh. */
interface AuditPeers {
  readonly exchange: Exchange;
  readonly membership: Membership;
  /** A node's log is not the one that is here: admins are to know. */
  readonly forked: (facts: Readonly<Record<string, string>>) => void;
  /** Where the audit is sent. Absent: nowhere. */
  readonly push?: PushTo;
  /** What admins say about how long it is kept. Absent, or undefined: the default. */
  readonly retention?: () => AuditRetention | undefined;
  /** Something that admins are to know: a sink is far behind, or entries were removed that it had not confirmed. */
  readonly tell?: (action: "sinkBehind" | "auditUnsent", facts: Readonly<Record<string, string>>) => void;
}

/** The audit, as the other parts of a node have it. */
export interface Audit extends AuditWriter {
  /** Entries of all logs, the newest first. A node that keeps no copies asks one that does. */
  search(query: AuditQuery): Promise<AuditFound>;
  /** Lines of an export; of `jsonl` the whole audit that is here, since a part would prove nothing. */
  export(filter: AuditFilter, how: { readonly format: AuditFormat; readonly version: string }): AsyncGenerator<string>;
  /** Entries of this node's own log after a number, for the part that sends them on. */
  readOwn(log: string | undefined, after: number, limit: number): Promise<OwnPage>;
  /** How far each log has come here, or at a node that keeps copies of all where this one does not. */
  logs(): Promise<readonly AuditLogEnd[]>;
  /** Entries of a log after a number, from where `logs` was answered. */
  readLog(log: string, after: number, limit: number): Promise<readonly AuditRecord[]>;
  /** Signs how far the own log has come. */
  seal(): Promise<void>;
  /** How each log stands that is here. */
  stand(): Promise<AuditLogs>;
  /** Every entry that is here and that a filter looks for, the oldest first. */
  read(filter: AuditFilter): AsyncGenerator<AuditRecord>;
  /** Hears of each entry that this node writes, once it is on the disk. */
  onEntry(listener: (record: AuditRecord) => void): () => void;
  /** How long entries are kept, and what is here. */
  retention(): Promise<AuditRetentionView>;
  /** How long entries are kept. No log is looked at. */
  rules(): AuditRetention;
  /** How far each node has sent its log, and whose answer is missing. */
  pushed(): Promise<{ readonly states: readonly AuditSinkState[]; readonly unanswered: readonly string[] }>;
  /** Sends one message that stands for no entry. Error: UNREACHABLE, with the reason. */
  testSink(sink: AuditSink): Promise<Result<SinkTested>>;
  /** A report of a period, over all logs that are here. */
  report(period: Omit<ReportPeriod, "nowMs">, format: "json" | "text" | "html"): Promise<string>;
  /** From now on others have copies of the own log, and this node of theirs. */
  join(peers: AuditPeers): void;
  stop(): Promise<void>;
}

/** A log: its first entry and its last one; older ones were removed by the rules of retention. */
interface AuditLogEnd {
  readonly log: string;
  readonly from: number;
  readonly seq: number;
}

/** Entries of the own logs, and where to go on. */
interface OwnPage {
  readonly entries: readonly AuditRecord[];
  readonly log: string;
}

const dayMs = 24 * 3_600_000;

/** Opens the audit of a node. */
export async function createAudit(ports: AuditPorts): Promise<Audit> {
  const limits = { ...auditLimits, ...ports.limits };
  const { clock, log, signer, node } = ports;
  const book = await AuditBook.open(ports.store, limits);
  const listeners = new Set<(record: AuditRecord) => void>();
  let peers: AuditPeers | undefined;
  let keeping: ReturnType<typeof keepLogs> | undefined;
  let push: Push | undefined;
  let opening: Promise<void> | undefined;
  let isStopped = false;
  const own = await openOwnLog({
    ...ports,
    book,
    limits,
    written(record) {
      for (const listener of listeners) listener(record);
      if (peers !== undefined) tellGrown({ ...peers, node, limits });
      push?.wake();
    },
  });
  const by = `node/${ports.name()}`;

  const byDefault: AuditRetention = { days: limits.keptMs / dayMs, logBytesMax: limits.logBytesMax };
  const rulesNow = (): AuditRetention => peers?.retention?.() ?? byDefault;
  /** Admins hear of it, and the audit has it. */
  const tell = (action: "sinkBehind" | "auditUnsent", facts: Readonly<Record<string, string | number>>): void => {
    void own.write({ action, by, outcome: auditDone, facts }).catch(() => undefined);
    peers?.tell?.(action, Object.fromEntries(Object.entries(facts).map(([name, fact]) => [name, String(fact)])));
  };
  const prune = async (): Promise<void> => {
    for (const { log: of } of book.logs()) {
      const confirmed = push?.confirmed(of) ?? (peers?.push === undefined ? Infinity : 0);
      const at = { nowMs: clock.nowMs(), rules: rulesNow(), limits, confirmed };
      const wanted = await removableUpTo(book, of, at);
      const upTo = await book.prune(of, ({ seq }) => seq <= wanted);
      if (upTo === undefined) continue;
      await own.write({ action: "pruneAudit", by, outcome: auditDone, facts: { log: of, upTo } });
      if (upTo > confirmed) tell("auditUnsent", { log: of, confirmed, upTo });
    }
  };
  let cancel = (): void => undefined;
  const every = (): void => {
    void prune().catch((error: unknown) => log.warn("audit.not.pruned", { error: String(error) }));
    cancel = clock.after(limits.pruneEveryMs, every);
  };
  cancel = clock.after(limits.pruneEveryMs, every);

  /** The keepers to ask, because this node is none; empty: this node has copies of all logs itself. */
  const others = (): readonly string[] => {
    const members = peers?.membership.members().members ?? [];
    const keepers = keepersOf(members, { few: limits.keepersMin, most: limits.keepersMax });
    const isAlone = peers === undefined || members.length < 2 || keepers.includes(node);
    return isAlone ? [] : keepers.filter((other) => peers?.membership.isUp(other) === true);
  };

  const nameOf = (of: string): string =>
    of === node ? ports.name() : peers === undefined ? of : nameIn(peers.membership, of);

  const find = async (query: AuditQuery): Promise<AuditFound> => {
    const members = peers?.membership.members().members ?? [];
    const missing = members.filter((one) => one.node !== node && peers?.membership.isUp(one.node) !== true);
    const unanswered = missing.length > 0 ? { unanswered: missing.map(({ name }) => name) } : {};
    for (const keeper of others()) {
      const answer = await peers?.exchange.call(keeper, "audit.search", { query }, limits.callTimeoutMs);
      if (answer?.ok === true) return { ...(answer.value.found as AuditFound), from: nameOf(keeper), ...unanswered };
    }
    return { ...(await search(book, query)), ...unanswered };
  };

  const isVerified = (head: AuditHead): Promise<boolean> =>
    isHeadSound(head)
      ? signer.isSigned(head.peer, Buffer.from(headText(head)), Buffer.from(head.signature, "base64"))
      : Promise.resolve(false);

  return {
    write: (event) => own.write(event),
    async stand() {
      const logs = book.logs().map(async ({ log: of, from, end, head, witnesses, fault }) => ({
        log: of,
        node: nameOf(writerOf(of)),
        from,
        to: end.seq,
        atMs: end.atMs,
        ...(head && { head: { seq: head.seq, atMs: head.atMs, verified: await isVerified(head) } }),
        witnesses: witnesses.map(({ by, seq, atMs }) => ({ node: nameOf(by), seq, atMs })),
        ...(fault && { fault }),
      }));
      return { at: ports.name(), logs: await Promise.all(logs) };
    },
    search: find,
    export: (filter, { format, version }) =>
      format === "jsonl"
        ? exportProof(book, { signer, node: ports.name(), atMs: Math.floor(clock.nowMs()) })
        : exportLines(book, filter, { format, version }),
    async readOwn(of, after, limit) {
      const mine = book
        .logs()
        .filter((one) => writerOf(one.log) === node)
        .map((one) => one.log);
      const at = of !== undefined && mine.includes(of) ? of : own.current();
      const lines = await book.read(at, at === of ? after : 0, limit);
      // Another log was begun since: what is left of the old one goes first.
      if (lines.length === 0 && at !== own.current()) return { entries: [], log: own.current() };
      return { entries: lines.flatMap((line) => recordOf(line) ?? []), log: at };
    },
    async logs() {
      const mine = book.logs().map(({ log: of, from, end }) => ({ log: of, from, seq: end.seq }));
      for (const keeper of others()) {
        const answer = await peers?.exchange.call(keeper, "audit.logs", {}, limits.callTimeoutMs);
        if (answer?.ok !== true) continue;
        const own = mine.filter(({ log: of }) => writerOf(of) === node);
        return [...own, ...answer.value.logs.filter(({ log: of }) => writerOf(of) !== node)];
      }
      return mine;
    },
    async readLog(of, after, limit) {
      const read = async (): Promise<readonly string[]> => {
        if (book.of(of) !== undefined && (writerOf(of) === node || others().length === 0))
          return book.read(of, after, limit);
        for (const keeper of others()) {
          const ask = { log: of, after, limit: Math.min(limit, limits.readLines) };
          const answer = await peers?.exchange.call(keeper, "audit.read", ask, limits.callTimeoutMs);
          if (answer?.ok === true) return answer.value.lines;
        }
        return [];
      };
      const records = (await read()).flatMap((line) => recordOf(line) ?? []);
      return records.filter((record, at) => record.log === of && record.seq === (records[0]?.seq ?? 0) + at);
    },
    seal: () => own.seal().then(() => undefined),
    read: (filter) => oldestFirst(book, filter),
    async report(period, format) {
      const made = createReport({ ...period, nowMs: Math.floor(clock.nowMs()) });
      for await (const record of oldestFirst(book, { sinceMs: period.fromMs })) made.take(record);
      const report = made.done(book.logs().flatMap(({ head }) => head ?? []));
      return format === "json" ? JSON.stringify(report) : format === "html" ? reportPage(report) : reportText(report);
    },
    async retention() {
      const rows = book
        .logs()
        .map(async ({ log: of, from, end }) => ({ log: of, from, end: end.seq, bytes: await book.bytes(of) }));
      return { ...rulesNow(), byDefault: peers?.retention?.() === undefined, logs: await Promise.all(rows) };
    },
    rules: rulesNow,
    async pushed() {
      const states = [...((await push?.states()) ?? [])];
      const unanswered: string[] = [];
      const members = peers?.membership.members().members ?? [];
      const asked = members
        .filter((one) => one.node !== node)
        .map(async (other) => {
          const answer = await peers?.exchange.call(other.node, "audit.push", {}, limits.callTimeoutMs);
          if (answer?.ok === true) states.push(...(answer.value.states as AuditSinkState[]));
          else unanswered.push(other.name);
        });
      await Promise.all(asked);
      return { states, unanswered };
    },
    async testSink(sink) {
      const to = peers?.push;
      if (to === undefined) return refused(failure("NOT_FOUND", { sink: sink.name }));
      const startedMs = clock.monotonicMs();
      const record = {
        log: "test",
        seq: 0,
        atMs: Math.floor(clock.nowMs()),
        node: ports.name(),
        action: "testSink",
        by,
        outcome: auditDone,
        prev: "",
      } as const;
      try {
        await sendBatch(to, sink, [record], { nowMs: clock.nowMs(), timeoutMs: limits.pushTimeoutMs });
      } catch (error) {
        return refused(failure("UNREACHABLE", { url: sink.url, reason: (error as Error).message.slice(0, 200) }));
      }
      return ok({ tookMs: Math.round(clock.monotonicMs() - startedMs) });
    },
    onEntry(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    join(joined) {
      peers = joined;
      const { exchange, membership } = joined;
      keeping = keepLogs({
        book,
        own,
        sent: (of) => push?.sent(of) ?? [],
        heardSent: (of, sent) => push?.heard(of, sent),
        node,
        exchange,
        membership,
        signer,
        clock,
        log,
        limits,
        forked(facts) {
          void own.write({ action: "auditForked", by, outcome: "other", facts }).catch(() => undefined);
          joined.forked(Object.fromEntries(Object.entries(facts).map(([name, fact]) => [name, String(fact)])));
        },
      });
      if (joined.push !== undefined && opening === undefined)
        opening = pushLogs({
          ...joined.push,
          book,
          node,
          name: () => ports.name(),
          clock,
          log,
          meter: ports.meter,
          limits,
          keepers: () => keepersOf(membership.members().members, { few: limits.keepersMin, most: limits.keepersMax }),
          isUp: (other) => membership.isUp(other),
          behind: (facts) => tell("sinkBehind", facts),
        }).then(
          async (opened) => {
            push = opened;
            if (isStopped) await opened.stop();
          },
          (error: unknown) => log.error("audit.push.closed", { error: String(error) }),
        );
      exchange.on("audit.push", async () => ok({ states: [...((await push?.states()) ?? [])] }));
      const check = checkOf(auditQuery);
      exchange.on("audit.search", async ({ query }) => {
        if (!check.Check(query)) return refused(failure("BAD_REQUEST", { path: "", problem: "no query" }));
        try {
          return ok({ found: await search(book, query) });
        } catch (error) {
          return refused(failureOf(error));
        }
      });
      keeping.wake();
    },
    async stop() {
      isStopped = true;
      cancel();
      await opening;
      await push?.stop();
      await keeping?.stop();
      await own.stop();
    },
  };
}
