/** How the cluster looks: one row of the directory, which every node has at hand. */
import { failure, ok, refused, type Result } from "../../../protocols/index.ts";
import type { Directory } from "../../ports/index.ts";
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

const attemptsMax = 4;

/** On the rows of a directory. */
export function openBranding(directory: Pick<Directory, "read" | "compareAndSet" | "watch">): Branding {
  let current: BrandingRow = {};
  const taken = (value: unknown): BrandingRow => (isRow(brandingKey, value) ? (value as BrandingRow) : {});
  const stop = directory.watch(brandingKey, {
    reset: (rows) => (current = taken(rows.find(({ key }) => key === brandingKey)?.value)),
    changed: ({ key, value }) => {
      if (key === brandingKey) current = taken(value);
    },
    removed: (key) => {
      if (key === brandingKey) current = {};
    },
    stale: () => undefined,
  });
  return {
    current: () => current,
    stop,
    async change(make) {
      for (let attempt = 0; attempt < attemptsMax; attempt += 1) {
        // oxlint-disable-next-line no-await-in-loop -- one attempt after the other
        const found = await directory.read(brandingKey);
        const before = taken(found?.value);
        const made = make(before);
        if (!made.ok) return made;
        const after = made.value;
        const value = Object.keys(after).length === 0 ? undefined : after;
        if (value === undefined && found === undefined) return ok({ before, after });
        // oxlint-disable-next-line no-await-in-loop -- one attempt after the other
        if ((await directory.compareAndSet(brandingKey, value, found?.revision ?? 0)).applied)
          return ok({ before, after });
      }
      return refused(failure("OVERLOADED", { row: brandingKey }));
    },
  };
}
