/** How the cluster looks: one row of the directory, which every node has at hand. */
import { ok, type Result } from "../../../protocols/index.ts";
import type { Directory } from "../../ports/index.ts";
import { changeRow, watchRow } from "./one-row.ts";
import { brandingKey, isRow, type BrandingRow } from "./records.ts";

/** The settings. `change` rejects with DIRECTORY_UNAVAILABLE. */
export interface Branding {
  /** As this node knows it. */
  current(): BrandingRow;
  /** Puts what `make` makes of the row in its place. Errors: those of `make`, OVERLOADED. */
  change(
    make: (row: BrandingRow) => Result<BrandingRow>,
  ): Promise<Result<{ readonly before: BrandingRow; readonly after: BrandingRow }>>;
  stop(): void;
}

/** On the rows of a directory. */
export function openBranding(directory: Pick<Directory, "read" | "compareAndSet" | "watch">): Branding {
  let current: BrandingRow = {};
  const taken = (value: unknown): BrandingRow => (isRow(brandingKey, value) ? (value as BrandingRow) : {});
  const stop = watchRow(directory, brandingKey, (row) => (current = taken(row?.value)));
  return {
    current: () => current,
    stop,
    change: (make) =>
      changeRow(directory, brandingKey, {
        make(row) {
          const before = taken(row?.value);
          const made = make(before);
          return made.ok ? ok({ before, after: made.value }) : made;
        },
        value: ({ after }) => (Object.keys(after).length === 0 ? undefined : after),
      }),
  };
}
