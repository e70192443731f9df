/** How far each log has been confirmed by each sink, in memory and on the disk. A cursor belongs to the sink's id:
 *  another receiver is another id, and so begins where its row says. A node that loses a cursor sends again. */
import type { AuditSink } from "../../protocols/index.ts";
import type { AuditBook } from "./book.ts";
import type { Sent } from "./keeping.ts";
import { countUntil } from "./search.ts";

type SinkId = Pick<AuditSink, "id">;
const place = ({ id }: SinkId, log: string): string => `${id}/${log}`;

/** The cursors of a node. */
interface Cursors {
  /** Of a log: never beyond its end, nor before what is still there. */
  of(sink: Pick<AuditSink, "id" | "sinceMs">, log: string): Promise<number>;
  confirm(sink: SinkId, log: string, seq: number): Promise<void>;
  /** What the sinks have confirmed of a log, for those who may go on with it. */
  sent(log: string): readonly Sent[];
  /** Another node has sent a log so far. A node believes nobody about its own: that is for the caller to see to. */
  heard(log: string, sent: readonly Sent[]): void;
  /** Up to which entry all sinks have confirmed a log; infinite where there is no sink. */
  confirmed(log: string): number;
  /** Keeps nothing of sinks that are gone. */
  forget(): void;
}

/** Reads them. */
export async function openCursors(book: AuditBook, sinks: () => readonly AuditSink[]): Promise<Cursors> {
  const cursors = new Map(await book.sent());
  const confirm: Cursors["confirm"] = async (sink, log, seq) => {
    cursors.set(place(sink, log), seq);
    await book.setSent(place(sink, log), seq);
  };
  return {
    confirm,
    async of(sink, log) {
      const stand = book.of(log);
      if (stand === undefined) return 0;
      let at = cursors.get(place(sink, log));
      if (at === undefined) {
        at = sink.sinceMs === 0 ? 0 : await countUntil(book, log, sink.sinceMs, false);
        await confirm(sink, log, at);
      }
      return Math.max(stand.from - 1, Math.min(at, stand.end.seq));
    },
    sent: (log) =>
      sinks().flatMap((sink) => {
        const seq = cursors.get(place(sink, log));
        return seq === undefined ? [] : [{ sink: sink.id, seq }];
      }),
    heard(log, sent) {
      for (const { sink, seq } of sent) {
        const at = place({ id: sink }, log);
        if (!sinks().some(({ id }) => id === sink) || (cursors.get(at) ?? -1) >= seq) continue;
        cursors.set(at, seq);
        void book.setSent(at, seq).catch(() => undefined);
      }
    },
    confirmed: (log) => Math.min(Infinity, ...sinks().map((sink) => cursors.get(place(sink, log)) ?? 0)),
    forget() {
      const there = new Set(sinks().map(({ id }) => id));
      // Before the rows were seen there seem to be none.
      if (there.size === 0) return;
      for (const key of cursors.keys())
        if (!there.has(key.slice(0, key.indexOf("/")))) {
          cursors.delete(key);
          void book.setSent(key, undefined).catch(() => undefined);
        }
    },
  };
}
