/** What backups come to, as people see it. */
import type { VerifyReport } from "./upkeep/checking.ts";
import type { BackupResults, BackupSnapshot, Failure, LostUnit } from "../../protocols/index.ts";
import type { Snapshot, UnitName } from "../../runtimes/backup/index.ts";
import type { BackupPorts } from "./ports.ts";
import type { Repository } from "./repository.ts";
import type { PruneReport } from "./upkeep/upkeep.ts";

/** A snapshot, without what opens it. */
export const shownSnapshot = ({ number, atMs, units, bytes, missed }: Snapshot): BackupSnapshot => ({
  number,
  atMs,
  units,
  bytes,
  missed,
});

/** All snapshots, the oldest first; those with known losses are marked. Errors: those of `Repository.state`. */
export async function shownSnapshots(
  { heads }: Pick<BackupPorts, "heads">,
  repository: Pick<Repository, "state">,
): Promise<readonly BackupSnapshot[]> {
  const { snapshots } = await repository.state();
  const known = (await heads.losses?.read())?.snapshots ?? {};
  return snapshots.map((one) => {
    const lostUnits = known[String(one.number)] ?? 0;
    return { ...shownSnapshot(one), ...(lostUnits > 0 && { lostUnits }) };
  });
}

/** A unit that cannot be brought back. */
export const lostUnit = ({ thread, type }: Pick<UnitName, "thread" | "type">, error: Failure): LostUnit => ({
  thread,
  type,
  error,
});

/** What a check found. */
export const shownCheck = ({ lostUnits, ...found }: VerifyReport): BackupResults["verify"] => ({
  ...found,
  lostUnits: { total: lostUnits.total, named: lostUnits.named.map(({ name, error }) => lostUnit(name, error)) },
});

/** Which snapshots stay and go. */
export function shownPrune(
  { kept, timeZone, removed, stripes, bytes, isTorn, leftovers, repacked }: PruneReport,
  applied: boolean,
): BackupResults["prune"] {
  const rows = [...kept].map(([snapshot, by]) => ({ snapshot, by }));
  return {
    kept: rows.toSorted((a, b) => a.snapshot - b.snapshot),
    timeZone,
    removed,
    stripes,
    bytes,
    ...(isTorn && { torn: isTorn }),
    leftovers,
    repacked,
    applied,
  };
}
