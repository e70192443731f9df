/** The parts of runs of other nodes, and of this one: slots that this node owns, read, sealed and stored here. A part
 *  is requested until it is done. No owner's part is skipped. */
import { failure, failureOf, PlexusError, refused, type Result, type SlotId } from "../../../protocols/index.ts";
import type { MeshAnswer, MeshBody } from "../../../protocols/mesh/index.ts";
import type { Cursor } from "../../../runtimes/backup/index.ts";
import type { Exchange } from "../../cluster/exchange/index.ts";
import type { Clock, Log } from "../../ports/index.ts";
import { within } from "../../waiting.ts";
import type { RunnerLimits } from "../limits.ts";
import { PartListWriter } from "../format/part-list.ts";
import { readPart, type PartOptions, type PartProgress } from "./part.ts";
import type { Pacing, StripePacing } from "./pacing.ts";
import type { BackupPorts } from "../ports.ts";
import { openRepository } from "../repository.ts";
import { patient } from "./patience.ts";
import { treeOf } from "./run.ts";
import { pacedSource, type SlotSource } from "./sources.ts";

type Asked = MeshBody<"backup.part">;
type Done = NonNullable<MeshAnswer<"backup.part">["done"]>;

export interface PartPorts {
  readonly exchange: Exchange;
  readonly clock: Clock;
  readonly log: Log;
  readonly limits: RunnerLimits;
  /** The slots of this node. */
  readonly source: Pick<SlotSource, "open">;
  /** Lets the work through; absent: all of it at once. */
  readonly pacing?: Pick<Pacing, "part" | "percent"> & StripePacing;
  /** Opens what a backup needs of the node, and closes it afterwards; with `pacing` it steps back behind people. Error:
   *  KEY_MISSING. */
  use<Answer>(work: (ports: BackupPorts) => Promise<Answer>, pacing?: StripePacing): Promise<Answer>;
}

/** The answers of this node to `backup.part` and `backup.end`. */
interface Parts {
  part(asked: Asked): Promise<Result<MeshAnswer<"backup.part">>>;
  end(name: MeshBody<"backup.end">): void;
  stop(): Promise<void>;
}

interface Job {
  readonly task: string;
  readonly turn: number;
  readonly abort: AbortController;
  readonly done: Promise<Result<Done>>;
  progress: PartProgress;
  result?: Result<Done>;
  forget: () => void;
}

/** Serves them. */
export function serveParts(ports: PartPorts): Parts {
  const { exchange, clock, log, limits } = ports;
  const source = ports.pacing === undefined ? ports.source : pacedSource(ports.source, ports.pacing);
  /** How far a job is, and whether it steps back. */
  const farOf = ({ progress }: Job): MeshAnswer<"backup.part">["progress"] => {
    const workPercent = ports.pacing?.percent() ?? 100;
    return { ...progress, ...(workPercent < 100 && { workPercent }) };
  };
  const jobs = new Map<string, Job>();
  /** The last turn of each task. */
  const turns = new Map<string, number>();
  let stopped = false;

  const drop = (key: string, why: "CANCELLED" | "TASK_TAKEN" | "STOPPING"): void => {
    const job = jobs.get(key);
    job?.forget();
    job?.abort.abort(new PlexusError(failure(why)));
    jobs.delete(key);
  };
  const keyOf = ({ task, turn, part }: MeshBody<"backup.end">): string => `${task} ${turn} ${part}`;

  async function run(
    { task, turn, part, base, slots, anew, together = false }: Asked,
    job: Pick<Job, "abort" | "progress">,
  ): Promise<Done> {
    const { signal } = job.abort;
    return ports.use(async (opened) => {
      const backup = patient(opened, signal);
      const repository = openRepository(backup, { begins: true });
      try {
        const { snapshots } = await repository.state();
        const newest = snapshots.at(-1);
        if ((newest?.number ?? 0) !== base) throw new PlexusError(failure("BACKUP_CHANGED", { base }));
        const ground: PartOptions["ground"] = {
          lost: new Set(anew?.lost),
          full: anew?.full ?? false,
          isAnew: anew !== undefined,
        };
        const cursors =
          newest === undefined || ground.isAnew
            ? new Map<string, Cursor>()
            : await repository.loadCursors(newest.cursors);
        const tree = treeOf(newest);
        const list = new PartListWriter(repository);
        const {
          missed,
          missedFiles: files,
          cursors: read,
          ...sums
        } = await readPart(backup, source, slots as readonly SlotId[], cursors, {
          nodes: repository,
          ground,
          together,
          tree: () => tree,
          put: (pack) => repository.put(pack, "pack"),
          change: (changes) => list.add(changes),
          signal,
          progress: (at) => void (job.progress = at),
          pace,
        });
        signal.throwIfAborted();
        const missedFiles = { total: files.total, named: files.named.slice(0, limits.partFilesNamed) };
        const finished = await list.finish(backup, { task, turn, part }, read);
        return { list: finished, missed: [...missed], missedFiles, ...sums };
      } catch (error) {
        await repository.abandon();
        throw error;
      }
    }, ports.pacing);
  }

  /** Never faster than this: the network and the disks of holders are others'. */
  const pace = (bytes: number): Promise<void> =>
    new Promise((done) => void clock.after(Math.ceil((bytes * 1_000) / limits.partBytesPerSecond), done));

  function begin(asked: Asked): Job {
    const job: Job = {
      task: asked.task,
      turn: asked.turn,
      abort: new AbortController(),
      progress: { slotsDone: 0, actors: 0, units: 0, bytes: 0 },
      done: Promise.resolve().then(async () => {
        job.result = await run(asked, job).then(
          (value) => ({ ok: true, value }) as const,
          (error: unknown) => {
            const why = failureOf(error);
            if (why.code === "INTERNAL") log.error("backup.part.failed", { error });
            return refused(why);
          },
        );
        return job.result;
      }),
      forget: () => undefined,
    };
    return job;
  }

  const parts: Parts = {
    async part(asked) {
      if (stopped) return refused(failure("STOPPING"));
      const { task, turn } = asked;
      const last = turns.get(task) ?? 0;
      if (turn < last) return refused(failure("TASK_TAKEN", { task }));
      if (turn > last) {
        for (const [key, job] of jobs) if (job.task === task) drop(key, "TASK_TAKEN");
        turns.delete(task);
        turns.set(task, turn);
        const [oldest] = turns.keys();
        if (turns.size > limits.turnsKept && oldest !== undefined) turns.delete(oldest);
      }
      const key = keyOf(asked);
      let job = jobs.get(key);
      if (job === undefined) {
        if (jobs.size >= limits.partsHere)
          return refused(failure("OVERLOADED", { limit: "partsHere", max: limits.partsHere }));
        job = begin(asked);
        jobs.set(key, job);
      }
      job.forget();
      job.forget = clock.after(limits.partForgottenMs, () => drop(key, "CANCELLED"));
      await within(clock, limits.partAnswerMs, job.done);
      if (job.result === undefined) return { ok: true, value: { progress: farOf(job) } };
      if (!job.result.ok) {
        drop(key, "CANCELLED");
        return job.result;
      }
      return { ok: true, value: { progress: farOf(job), done: job.result.value } };
    },
    end: (name) => drop(keyOf(name), "CANCELLED"),
    async stop() {
      stopped = true;
      const left = [...jobs.values()];
      for (const key of jobs.keys()) drop(key, "STOPPING");
      await Promise.all(left.map(({ done }) => done));
    },
  };
  exchange.on("backup.part", (asked) => parts.part(asked));
  exchange.on("backup.end", async (name) => {
    parts.end(name);
    return { ok: true, value: null };
  });
  return parts;
}
