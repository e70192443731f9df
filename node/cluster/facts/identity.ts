/** Whether nodes ask one another to prove for whom they send: one row of the directory, which is written once and says
 *  nothing else (docs/decisions/0079-identity-over-the-mesh.md). */
import type { Directory, MemberRecord } from "../../ports/index.ts";
import { identityKey, isRow } from "./records.ts";

/** What the row says, and how it comes to be there. */
interface IdentityRule {
  required(): boolean;
  /** Writes the row, if every member can do what it asks for and it is not there. Rejects with
   *  DIRECTORY_UNAVAILABLE. */
  settle(members: readonly MemberRecord[]): Promise<void>;
  stop(): void;
}

/** Begins to watch the row. */
export function watchIdentity(directory: Directory): IdentityRule {
  let required = false;
  let known = false;
  const stop = directory.watch(identityKey, {
    reset(rows) {
      known = true;
      required = rows.some(({ key, value }) => key === identityKey && isRow(key, value));
    },
    changed({ key, value }) {
      if (key === identityKey && isRow(key, value)) required = true;
    },
    removed(key) {
      if (key === identityKey) required = false;
    },
    stale: () => undefined,
  });
  return {
    required: () => required,
    async settle(members) {
      if (!known || required || members.length < 2 || !members.every(({ vouches }) => vouches === true)) return;
      // The second node to do so finds it there.
      await directory.compareAndSet(identityKey, { required: true }, 0);
    },
    stop,
  };
}
