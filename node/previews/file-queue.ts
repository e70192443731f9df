/** Files of messages that a node opens: each once, those of all people in turn, some at a time. What is done with one
 *  `files.ts` and `texts.ts` say. */
import type { ActorId, KeptFile, Result, RoomFile, RoomMessage } from "../../protocols/index.ts";
import { FairQueue } from "../../runtimes/fair-queue.ts";
import type { PreviewPorts } from "./ports.ts";

/** A file that is to be opened. */
export interface WantedFile {
  readonly room: ActorId;
  readonly file: RoomFile;
  readonly seq: number;
  readonly place: number;
  readonly author: string;
  /** An earlier life of a node had no time or no memory for it. */
  readonly tried?: true | undefined;
}

/** Those that wait or are opened. */
interface FileQueue {
  /** A message whose files anybody may fetch by now; `only`: the one file that something has come to. */
  heard(room: ActorId, message: RoomMessage, only?: string): void;
  /** Files of a room, in any order. */
  join(wanted: readonly WantedFile[]): void;
  readonly isStopped: boolean;
  stop(): void;
}

/** Makes one. */
export function createFileQueue(
  { ask, limits, log }: Pick<PreviewPorts, "ask" | "limits" | "log">,
  how: {
    readonly places: { readonly max: number; readonly perShareMax: number };
    readonly atOnceMax: number;
    /** Of a file that may be fetched. */
    readonly isWanted: (file: RoomFile) => boolean;
    readonly open: (wanted: WantedFile, kept: KeptFile) => Promise<Result<unknown>>;
    /** One of the room was not opened, or nobody was told what is in it. */
    readonly left?: (room: ActorId) => void;
    /** What the log calls it when nobody was told, and when it failed. */
    readonly events: { readonly untold: string; readonly failed: string };
  },
): FileQueue {
  const { left = () => undefined, events } = how;
  const queue = new FairQueue<WantedFile>();
  /** A message is heard of more than once. */
  const known = new Set<string>();
  let [running, stopped] = [0, false];

  const isWanted = (file: RoomFile): boolean =>
    (file.check === undefined || ["clean", "unscanned", "released"].includes(file.check)) && how.isWanted(file);

  async function open(wanted: WantedFile): Promise<Result<unknown>> {
    const { room, file, author } = wanted;
    // As the room's own node: the author may have left.
    const kept = await ask(room, { type: "file", by: author, id: file.id }, limits.previewAskTimeoutMs);
    return kept.ok ? how.open(wanted, kept.value as KeptFile) : kept;
  }

  const next = (): void => {
    while (running < how.atOnceMax && !stopped) {
      const wanted = queue.next();
      if (wanted === undefined) return;
      const { room, file } = wanted;
      running += 1;
      open(wanted)
        .then((done) => {
          if (done.ok) return;
          left(room);
          log.debug(events.untold, { room, failure: done.error });
        })
        .catch((error: unknown) => {
          left(room);
          log.warn(events.failed, { error });
        })
        .finally(() => {
          running -= 1;
          known.delete(file.id);
          next();
        });
    }
  };

  const joined = (wanted: WantedFile): void => {
    if (!isWanted(wanted.file) || known.has(wanted.file.id)) return;
    const placed = queue.join(wanted.author, wanted.room, wanted, how.places);
    if (placed.type === "displaced") {
      known.delete(placed.item.file.id);
      left(placed.item.room);
    }
    if (placed.type === "full") left(wanted.room);
    else known.add(wanted.file.id);
  };

  function join(all: readonly WantedFile[]): void {
    if (stopped) return;
    for (const wanted of all) joined(wanted);
    next();
  }

  return {
    heard(room, { seq, author, files = [], deletedAtMs }, only) {
      if (deletedAtMs !== undefined) return;
      const all = files.map((file, place) => ({ room, file, seq, place, author }));
      join(all.filter(({ file }) => only === undefined || file.id === only));
    },
    join,
    get isStopped() {
      return stopped;
    },
    stop() {
      stopped = true;
      queue.takeAll();
    },
  };
}
