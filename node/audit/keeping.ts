/** Copies of logs at other nodes. Every keeper has a copy of every log; keepers are the members with the role manager,
 *  and where there are few of them, other members too.
 *
 *      writer ── audit.grown ──► keeper          there is more (also every half minute, for what was missed)
 *      writer ◄── audit.read ── keeper           lines after what the copy has, and the heads among them
 *                                  │ they continue the copy ─► appended; the newest head is witnessed, others hear
 *                                  └ they do not ─► the copy stays, the keeper's own log and the admins are told, and
 *                                                   the writer begins another log
 *
 *  Of a node that is gone, keepers give one another what it has signed: a signature needs no trust in the node that
 *  passes it on. */
import { failure, ok, refused } from "../../protocols/index.ts";
import type { Exchange } from "../cluster/exchange/index.ts";
import type { Clock, Log, Membership, MemberRecord, NodeId } from "../ports/index.ts";
import { logName, writerOf, type AuditBook, type LogStand } from "./book.ts";
import { headText, isHeadSound, recordOf, rootOf, witnessText, type AuditHead, type AuditWitness } from "./chain.ts";
import type { AuditLimits } from "./limits.ts";
import type { AuditSigner, OwnLog } from "./writer.ts";
import { memberIn } from "../cluster/facts/members.ts";

interface KeepingPorts {
  readonly book: AuditBook;
  readonly own: OwnLog;
  readonly node: NodeId;
  readonly exchange: Exchange;
  readonly membership: Membership;
  readonly signer: AuditSigner;
  readonly clock: Clock;
  readonly log: Log;
  readonly limits: AuditLimits;
  /** Up to where a log was sent to systems of others: of the own one to tell, of another's what its writer tells. */
  readonly sent: (log: string) => readonly Sent[];
  readonly heardSent: (log: string, sent: readonly Sent[]) => void;
  /** A node's log is not the one that is here. */
  readonly forked: (facts: Readonly<Record<string, string | number>>) => void;
}

/** The nodes that keep all logs: the managers; where there are fewer than `few`, the first of the others as well.
 *  Pure. */
export function keepersOf(
  members: readonly Pick<MemberRecord, "node" | "roles" | "leaving">[],
  { few, most }: { readonly few: number; readonly most: number },
): readonly NodeId[] {
  const staying = members
    .filter(({ leaving }) => leaving !== true)
    .toSorted((one, other) => (one.node < other.node ? -1 : 1));
  const managers = staying.filter(({ roles }) => roles.includes("manager"));
  const others = staying.filter(({ roles }) => !roles.includes("manager"));
  return [...managers.slice(0, most), ...others.slice(0, Math.max(0, few - managers.length))].map(({ node }) => node);
}

/** Up to where a log was confirmed by a sink. */
export interface Sent {
  readonly sink: string;
  readonly seq: number;
}

/** A log as other nodes hear of it. */
interface Told {
  readonly log: string;
  readonly from: number;
  readonly seq: number;
  readonly hash: string;
  readonly head?: AuditHead;
  readonly witnesses: AuditWitness[];
  readonly sent?: Sent[];
}

const toldOf = ({ log, from, end, head, witnesses }: LogStand): Told => ({
  log,
  from,
  seq: end.seq,
  hash: end.hash,
  ...(head && { head }),
  witnesses: [...witnesses],
});

/** Keeps copies here where this node is a keeper, and lets others read. */
export function keepLogs(ports: KeepingPorts): { wake(): void; stop(): Promise<void>; copies(): number } {
  const { book, own, node, exchange, membership, signer, clock, log, limits } = ports;
  const { callTimeoutMs } = limits;
  const keepers = (): readonly NodeId[] =>
    keepersOf(membership.members().members, { few: limits.keepersMin, most: limits.keepersMax });
  const reported = new Set<string>();
  let isStopped = false;
  let running: Promise<void> | undefined;
  let again = false;

  const isHead = async (head: AuditHead, of: string): Promise<boolean> => {
    const member = membership.members().members.find((one) => one.node === writerOf(of));
    const known = book.of(of)?.head?.peer ?? (member === undefined || member.peer === "" ? undefined : member.peer);
    return (
      head.log === of &&
      (known === undefined || known === head.peer) &&
      isHeadSound(head) &&
      signer.isSigned(head.peer, Buffer.from(headText(head)), Buffer.from(head.signature, "base64"))
    );
  };

  const report = async (of: string, from: NodeId, reason: string, seq: number): Promise<void> => {
    if (reported.has(of)) return;
    reported.add(of);
    const had = book.of(of)?.end.seq ?? 0;
    log.error("audit.forked", { log: of, node: from, reason, entry: seq, had });
    ports.forked({ log: of, node: from, entry: seq, had, reason });
    await exchange.call(from, "audit.forked", { log: of, seq: had }, callTimeoutMs);
  };

  /** Brings the copy of a log up to what a node has. */
  const copy = async (told: Told, from: NodeId): Promise<void> => {
    const of = told.log;
    const isWriter = writerOf(of) === from;
    const mine = book.of(of);
    if (mine === undefined && book.logs().length >= limits.logsMax) return;
    if (isWriter && mine !== undefined && told.seq < mine.end.seq)
      return report(of, from, "the log was reset to an earlier state", told.seq + 1);
    if (isWriter && mine !== undefined && told.seq === mine.end.seq && told.hash !== mine.end.hash)
      return report(of, from, "it has other entries", told.seq);
    // Of a node that does not speak for itself only what it has signed.
    const upTo = isWriter ? told.seq : (told.head?.seq ?? 0);
    if (mine === undefined && told.from > 1) {
      const start = await exchange.call(from, "audit.start", { log: of }, callTimeoutMs);
      if (!start.ok) return;
      const head = start.value.head;
      if (!(await isHead(head, of))) return report(of, from, "what it begins with is not signed", head.seq);
      await book.adopt(head);
    }
    while (!isStopped) {
      const after = book.of(of)?.end.seq ?? 0;
      if (after >= upTo) break;
      const limit = Math.min(limits.readLines, upTo - after);
      const answer = await exchange.call(from, "audit.read", { log: of, after, limit }, callTimeoutMs);
      if (!answer.ok || answer.value.lines.length === 0) break;
      const heads: AuditHead[] = [];
      for (const head of answer.value.heads) {
        if (!(await isHead(head, of))) return report(of, from, "a head is not signed by its node", head.seq);
        heads.push(head);
      }
      const { lines } = answer.value;
      const last = lines.at(-1);
      const isNews = last === undefined || recordOf(last)?.log === of;
      const fault = isNews ? await book.append(of, lines, heads) : { seq: after + 1, reason: "another log" };
      if (fault !== undefined) {
        if (isWriter) await report(of, from, fault.reason, fault.seq);
        return;
      }
    }
    // A head that came after its last line.
    const now = book.of(of);
    const { head } = told;
    if (head !== undefined && now !== undefined && head.seq === now.end.seq && head.seq > (now.head?.seq ?? 0))
      if ((await isHead(head, of)) && head.root === rootOf(now.end.peaks)) await book.addHead(head);
      else return report(of, from, "its head is of other entries", head.seq);
    if (isWriter) await witness(of);
    for (const one of told.witnesses) if (one.by !== node) await hear(one);
  };

  /** Says in this node's name how far it has seen a log come. */
  const witness = async (of: string): Promise<void> => {
    const { head, witnesses } = book.of(of) ?? {};
    if (head === undefined || witnesses?.some(({ by, seq }) => by === node && seq >= head.seq) === true) return;
    const said = {
      log: of,
      seq: head.seq,
      root: head.root,
      atMs: Math.floor(clock.nowMs()),
      by: node,
      peer: await signer.peer(),
    };
    const signature = Buffer.from(await signer.sign(Buffer.from(witnessText(said)))).toString("base64");
    const signed: AuditWitness = { ...said, signature };
    await book.witness(signed);
    for (const { node: other } of membership.members().members)
      if (other !== node) exchange.send(other, "audit.witness", { witness: signed });
  };
  const hear = async (said: AuditWitness): Promise<void> => {
    const member = memberIn(membership, said.by);
    if (member === undefined || member.peer !== said.peer) return;
    if (await signer.isSigned(said.peer, Buffer.from(witnessText(said)), Buffer.from(said.signature, "base64")))
      await book.witness(said);
  };

  const round = async (): Promise<void> => {
    if (!keepers().includes(node)) return;
    const others = membership.members().members.filter((one) => one.node !== node && membership.isUp(one.node));
    const heard = new Map<NodeId, readonly Told[]>();
    for (const { node: other } of others) {
      const answer = await exchange.call(other, "audit.logs", {}, callTimeoutMs);
      if (answer.ok)
        heard.set(
          other,
          answer.value.logs.filter((told) => logName.test(told.log)),
        );
    }
    // The writer of a log speaks for it; else the node that has most of it.
    for (const [other, logs] of heard) {
      // Of its own log alone: else one node could have another's passed over.
      for (const { log: of, sent = [] } of logs) if (writerOf(of) === other) ports.heardSent(of, sent);
      for (const told of logs)
        if (writerOf(told.log) !== node && (writerOf(told.log) === other || !heard.has(writerOf(told.log))))
          await copy(told, other);
      for (const { log: of } of book.logs())
        if (writerOf(of) === other && !logs.some((told) => told.log === of)) await report(of, other, "it is gone", 1);
    }
  };

  const wake = (): void => {
    if (isStopped) return;
    again = true;
    running ??= (async () => {
      while (again && !isStopped) {
        again = false;
        await round().catch((error: unknown) => log.warn("audit.copy.failed", { error: String(error) }));
      }
      running = undefined;
    })();
  };
  let cancel = (): void => undefined;
  const every = (): void => {
    wake();
    cancel = clock.after(limits.copyEveryMs, every);
  };
  cancel = clock.after(limits.copyEveryMs, every);
  let pending: (() => void) | undefined;

  exchange.on("audit.grown", () => {
    // Entries come in bursts, and one round takes all of them.
    if (!isStopped)
      pending ??= clock.after(limits.copyPauseMs, () => {
        pending = undefined;
        wake();
      });
  });
  exchange.on("audit.logs", () =>
    ok({
      logs: book.logs().map((stand) => {
        const sent = writerOf(stand.log) === node ? ports.sent(stand.log) : [];
        return { ...toldOf(stand), ...(sent.length > 0 && { sent: [...sent] }) };
      }),
    }),
  );
  exchange.on("audit.start", async ({ log: of }) => {
    const stand = book.of(of);
    const heads = stand === undefined ? [] : await book.heads(of);
    const head = heads.find(({ seq }) => seq === (stand?.from ?? 0) - 1);
    return head === undefined ? refused(failure("NOT_FOUND", { log: of })) : ok({ head });
  });
  exchange.on("audit.read", async ({ log: of, after, limit }) => {
    if (book.of(of) === undefined) return refused(failure("NOT_FOUND", { log: of }));
    const lines = [...(await book.read(of, after, Math.min(limit, limits.readLines)))];
    const heads = (await book.heads(of, after + 1)).filter(({ seq }) => seq <= after + lines.length);
    return ok({ lines, heads: heads.slice(0, 64) });
  });
  exchange.on("audit.witness", ({ witness: said }) => void hear(said).catch(() => undefined));
  exchange.on("audit.forked", async ({ log: of, seq }, from) => {
    if (!keepers().includes(from) || of !== own.current() || reported.has(of)) return ok({ noted: seq });
    reported.add(of);
    log.error("audit.set_back", { log: of, keeper: from, had: seq });
    await own.beginAnew((before) => ({
      action: "auditForked",
      by: `node/${from}`,
      outcome: "other",
      facts: { log: before, keeper: from, had: seq },
    }));
    return ok({ noted: seq });
  });

  return {
    wake,
    copies: () => book.logs().filter(({ log: of }) => writerOf(of) !== node).length,
    async stop() {
      isStopped = true;
      cancel();
      pending?.();
      await running;
    },
  };
}

/** Tells the keepers that there is more. */
export const tellGrown = ({
  exchange,
  membership,
  node,
  limits,
}: Pick<KeepingPorts, "exchange" | "membership" | "node" | "limits">): void => {
  for (const keeper of keepersOf(membership.members().members, { few: limits.keepersMin, most: limits.keepersMax }))
    if (keeper !== node) exchange.send(keeper, "audit.grown", {});
};
