/** Rehearsals of a disaster: a snapshot is restored into a scratch folder, compared, started, and removed. */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import {
  failure,
  failureOf,
  type BackupResults,
  type DrillStarted,
  type HeadHolders,
  type Losses,
} from "../../../protocols/index.ts";
import { commandLimits, holderHeadLimits, type BackupPorts } from "../index.ts";
import type { Clock, Log, Random } from "../../ports/index.ts";
import { namesPut } from "../../../runtimes/folders.ts";
import { beganFile, isWhole, restoreFrom, type Restored } from "./restore.ts";
import type { StartRestored } from "./started.ts";

const named = <Row>(rows: readonly Row[]): Losses<Row> => ({
  total: rows.length,
  named: rows.slice(0, commandLimits.lostNamedMax),
});

/** What a node does about rehearsals. */
export interface Drills {
  readonly start: StartRestored;
  /** One showed that not everything would come back. */
  failed(facts: Readonly<Record<string, string>>): void;
}

interface Rehearsed {
  readonly from: string | undefined;
  readonly ports: BackupPorts;
  readonly snapshot?: number | undefined;
  readonly surveyHolders?: (() => Promise<HeadHolders>) | undefined;
}

interface RehearsedAt {
  readonly signal: AbortSignal;
  readonly progress: (at: Readonly<Record<string, number>>) => void;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/** Restores a snapshot into a scratch folder, compares what came back with it, starts a node on it, and deletes it.
 *  The folder must be empty or absent. Errors: those of `restoreFrom`, CANCELLED. */
async function rehearse(
  scratch: string,
  { from, ports, snapshot, surveyHolders }: Rehearsed,
  start: StartRestored,
  at: RehearsedAt,
): Promise<BackupResults["drill"]> {
  const { cluster, stripes, heads, keys } = ports;
  const begunMs = at.clock.monotonicMs();
  const request = { to: scratch, ...(snapshot !== undefined && { snapshot }) };
  try {
    const done = await restoreFrom(
      { places: [{ name: nameOf(from), stripes, heads }] },
      request,
      { cluster, epochs: keys.epoch, keys },
      at,
    );
    const tookMs = at.clock.monotonicMs() - begunMs;
    const shown = shownDrill(done, await start(scratch, done.index, at.signal), tookMs);
    const holders = await surveyHolders?.();
    if (holders === undefined) return shown;
    const isSafe = holders.current >= Math.min(holders.nodes, holderHeadLimits.nodesMin);
    return { ...shown, holders, whole: shown.whole && isSafe };
  } finally {
    await sweep(scratch);
  }
}

/** Removes what a rehearsal has made, and nothing else: the mark says so. */
export async function sweep(scratch: string): Promise<void> {
  const names = await namesPut(scratch).catch((): string[] => []);
  if (!names.includes(beganFile)) return;
  // The mark last: what is left when this is broken off is still known for what it is.
  for (const name of names) if (name !== beganFile) await rm(join(scratch, name), { recursive: true, force: true });
  await rm(join(scratch, beganFile), { force: true });
}

/** What a rehearsal came to. */
export function shownDrill(done: Restored, started: DrillStarted, tookMs: number): BackupResults["drill"] {
  const { snapshots, slots, actors, rows, files, bytes, settings, lost, erased, stale, missing, missingFiles } = done;
  const { checked, damaged } = done;
  const [{ number, atMs } = { number: 0, atMs: 0 }] = snapshots;
  return {
    snapshot: { number, atMs },
    tookMs: Math.round(tookMs),
    slots,
    actors,
    rows,
    files,
    bytes,
    settings,
    compared: { units: checked.units, states: checked.states },
    erased: erased.units,
    whole: isWhole(done) && started.error === undefined && started.differs.length === 0,
    started,
    lost: named(lost.map(({ thread, type, error }) => ({ thread, type, error }))),
    wrong: named([
      ...checked.wrong.map(({ thread, type }) => ({
        thread,
        type,
        error: failure("BACKUP_DAMAGED", { reason: "the bytes that came back are not those that were written" }),
      })),
      ...damaged.map((details) => ({ thread: "", type: "journal", error: failure("DATA_DAMAGED", { ...details }) })),
    ]),
    missing: named([...missing, ...stale, ...missingFiles]),
  };
}

/** Rehearses with what was opened. */
export type Rehearse = (rehearsed: Rehearsed) => Promise<BackupResults["drill"]>;

/** Where a rehearsal happens, and how it gets at the backups. */
interface Drill {
  readonly scratch: string;
  readonly from: string | undefined;
  readonly within: (use: Rehearse) => ReturnType<Rehearse>;
}

/** A rehearsal of which admins are told where the backups cannot be opened, or not everything would come back. */
export async function watchedDrill(
  { scratch, from, within }: Drill,
  drills: Drills,
  at: RehearsedAt,
): Promise<BackupResults["drill"]> {
  const of = { from: nameOf(from) };
  // A cancelled drill has shown nothing.
  const tell = (facts: Readonly<Record<string, string>>): void =>
    at.signal.aborted ? undefined : drills.failed({ ...of, ...facts });
  try {
    const result = await within((rehearsed) => rehearse(scratch, rehearsed, drills.start, at));
    const { whole, lost, wrong, missing, holders, started } = result;
    const behind = holders?.behind.length ? { behind: holders.behind.join(", ") } : {};
    const node = started?.error && { reason: started.error.code };
    const otherwise = wrong.total + (started?.differs.length ?? 0);
    if (!whole) tell({ lost: String(lost.total + missing.total), wrong: String(otherwise), ...behind, ...node });
    return result;
  } catch (error) {
    tell({ reason: failureOf(error).code });
    throw error;
  }
}

const nameOf = (from: string | undefined): string => from ?? "the backups of the cluster";
