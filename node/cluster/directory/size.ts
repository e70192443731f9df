/** How full the directory is that this node keeps: said before anything is refused. */
import { filledOf, nearlyFullFrom, type DirectorySize } from "../../../protocols/index.ts";
import type { DirectoryLimits } from "./limits.ts";
import { full as fullDirectory, type KeptSize } from "./row.ts";
import { bytesOfRows } from "./sized-rows.ts";
import type { DirectoryRow, Log, Meter } from "../../ports/index.ts";

/** Whether rows are more than voters may have: rows that are there may have grown beyond the bound. */
const isOver = ({ count, bytes }: Pick<KeptSize, "count" | "bytes">, limits: DirectoryLimits): boolean =>
  count > limits.rowsMax || bytes > limits.rowsBytesMax + limits.growthBytesMax;

/** Says whether voters may have rows. The log is told once each time that they are too many. */
export function createFitLook(log: Log, limits: DirectoryLimits): (size: Pick<KeptSize, "count" | "bytes">) => boolean {
  let wasOver = false;
  return (size) => {
    const isTooMany = isOver(size, limits);
    const { rowsMax, rowsBytesMax, growthBytesMax } = limits;
    const facts = { rows: size.count, rowsMax, bytes: size.bytes, bytesMax: rowsBytesMax + growthBytesMax };
    if (isTooMany && !wasOver) log.warn("directory.unreplicated", facts);
    wasOver = isTooMany;
    return !isTooMany;
  };
}

/** Rows as they are given to the first voter. Error: DIRECTORY_FULL, there are more than it may have. */
export function fitting<T extends { readonly rows: readonly DirectoryRow[] }>(image: T, limits: DirectoryLimits): T {
  const size = { count: image.rows.length, bytes: bytesOfRows(image.rows) };
  if (isOver(size, limits)) throw fullDirectory(size, limits);
  return image;
}

/** What is asked with each beat. The log is told once each time that it gets nearly full, with what takes how much. */
export function createSizeLook({
  log,
  meter,
  limits: { rowsMax, rowsBytesMax: bytesMax },
}: {
  readonly log: Log;
  readonly meter: Meter;
  readonly limits: DirectoryLimits;
}): (kept: KeptSize | undefined) => { readonly directorySize: DirectorySize } | undefined {
  let wasNearlyFull = false;
  return (kept) => {
    if (kept === undefined) return undefined;
    const size = { rows: kept.count, rowsMax, bytes: kept.bytes, bytesMax };
    const filled = filledOf(size);
    meter.gauge("directory_rows", size.rows);
    meter.gauge("directory_bytes", size.bytes);
    meter.gauge("directory_filled_ratio", filled);
    const isNearlyFull = filled >= nearlyFullFrom;
    if (isNearlyFull && !wasNearlyFull) log.warn("directory.nearlyFull", { ...size, bytesOf: kept.byKind() });
    wasNearlyFull = isNearlyFull;
    return { directorySize: size };
  };
}
