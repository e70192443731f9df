/** Recalls into place, and taking them back, as tasks: with a mark that outlives the node that works on them. */
import type { BackupResults, BackupWish } from "../../../protocols/index.ts";
import type { Clock } from "../../ports/index.ts";
import { recallIntoPlace, withdrawRecall } from "./into-place.ts";
import type { PlaceMark, PlaceOptions, PlaceTarget } from "./place.ts";
import type { BackupPorts } from "../ports.ts";
import type { ReadRate } from "./recall.ts";
import type { Repository } from "../repository.ts";
import { waited } from "../run/patience.ts";
import { keepMark, markOf } from "../run/runner.ts";
import { shownSnapshot } from "../shown.ts";

/** Where a recall into place is worked on. */
export interface PlaceAt {
  readonly signal: AbortSignal;
  readonly progress: (at: Readonly<Record<string, number>>) => void;
  readonly clock: Clock;
  /** Living actors. */
  readonly target: PlaceTarget;
  /** What an earlier turn kept. */
  readonly checkpoint?: string | undefined;
  /** Absent: the next runner begins again, which brings nothing twice. */
  keep?(what: { readonly checkpoint: string }): Promise<void>;
  /** Is told how fast stripes were read. */
  measured?(rate: ReadRate): void;
}

type Wanted<Sort extends "place" | "withdraw"> = Omit<BackupWish<Sort>, "sort">;

/** Brings entries of a backup back into their places, or says what would come. Errors: those of `recallIntoPlace`, and
 *  of `keep`. */
export async function place(
  ports: BackupPorts,
  repository: Repository,
  { query, recall, existing = "skip", deleted = false, remake = false, dryRun = false }: Wanted<"place">,
  at: PlaceAt,
): Promise<BackupResults["place"]> {
  const mark = markOf<PlaceMark>(at);
  const options: PlaceOptions = {
    ...optionsOf(at),
    // What changes nothing is begun anew.
    ...(!dryRun && mark !== undefined && { mark }),
    ...(!dryRun && { keep: (far: PlaceMark) => keepMark(at, far) }),
  };
  const request = { recall, query, existing, deleted, remake, dryRun };
  const { snapshot, read, ...sums } = await recallIntoPlace(ports, repository, request, at.target, options);
  at.measured?.(read);
  return { ...sums, snapshot: shownSnapshot(snapshot), dryRun };
}

/** Takes back what a recall brought. Errors: those of `withdrawRecall`. */
export const withdraw = (
  ports: BackupPorts,
  repository: Repository,
  request: Wanted<"withdraw">,
  at: PlaceAt,
): Promise<BackupResults["withdraw"]> => withdrawRecall(ports, repository, request, at.target, optionsOf(at));

const optionsOf = ({ clock, signal, progress }: PlaceAt): PlaceOptions => ({
  signal,
  progress: (far) => progress({ ...far }),
  wait: (ms) => waited(clock, signal, ms),
});
