/** Where an operator puts a slot. It is remembered in the slot's record (`held`), and the plan leaves the slot there.
 *
 *  A move waits until the slot table says that it happened. The table says so on every node, so no other node is
 *  asked. */
import {
  failure,
  ok,
  refused,
  type Failure,
  type Moved,
  type Result,
  type Role,
  type SlotId,
} from "../../../protocols/index.ts";
import { changeSlot, type SlotRow } from "../facts/records.ts";
import { fetchSlot, roleOf, type SlotTable } from "../facts/slot-table.ts";
import type { Clock, MemberRecord, Membership, SlotRecord } from "../../ports/index.ts";
import type { Attempt } from "./attempt.ts";
import type { PlacementLimits } from "./limits.ts";
import { wantOf } from "./plan.ts";

interface MovePorts {
  readonly table: SlotTable;
  readonly membership: Pick<Membership, "isUp">;
  readonly clock: Clock;
  readonly limits: PlacementLimits;
}

/** Why a member may not be given slots of a role: NO_CANDIDATE. */
export function refusalOf(
  target: MemberRecord,
  role: Role,
  { membership }: Pick<MovePorts, "membership">,
): Failure | undefined {
  const reason = !target.roles.includes(role)
    ? `it does not have the role ${role}`
    : target.state === "draining"
      ? "it is draining"
      : membership.isUp(target.node)
        ? undefined
        : "it is down";
  return reason === undefined ? undefined : failure("NO_CANDIDATE", { node: target.name, reason });
}

/** Writes where a slot is to be from now on. Errors: NOT_FOUND, NO_CANDIDATE, OVERLOADED. */
export function hold(
  at: Attempt,
  ports: MovePorts,
  { slot, target }: { readonly slot: SlotId; readonly target: MemberRecord },
): Promise<Result<SlotRecord>> {
  return change(at, ports, slot, (record) => {
    const refusal = refusalOf(target, roleOf(record), ports);
    if (refusal !== undefined) return refusal;
    const { owner, replicas } = wantOf(record);
    if (record.held === target.node && owner === target.node) return record;
    const added = replicas.includes(target.node) ? replicas : [target.node, ...replicas];
    return { ...record, held: target.node, want: { owner: target.node, replicas: added } };
  });
}

/** The slot is placed like any other again. The value is its record as it was. Errors: NOT_FOUND, ALREADY_DONE,
 *  OVERLOADED. */
export const letGo = (at: Attempt, ports: MovePorts, slot: SlotId): Promise<Result<SlotRecord>> =>
  change(at, ports, slot, ({ held, ...record }) => (held === undefined ? failure("ALREADY_DONE", { slot }) : record));

/** Changes a slot's record as `next` says of the newest one: the same record means that there is nothing to write. The
 *  value is the record as it was. */
async function change(
  { directory }: Attempt,
  { table, limits }: MovePorts,
  slot: SlotId,
  next: (record: SlotRecord) => SlotRecord | Failure,
): Promise<Result<SlotRecord>> {
  for (let tries = 0; tries < limits.rowAttemptsMax; tries += 1) {
    const found = await fetchSlot(directory, table, slot);
    if (found === undefined) return refused(failure("NOT_FOUND", { slot }));
    const { record, revision } = found;
    const answer = next(record);
    if ("code" in answer) return refused(answer);
    if (answer === record) return ok(record);
    const { applied, row } = await changeSlot(directory, answer, revision);
    if (row !== undefined) table.learn(row);
    if (applied) return ok(record);
  }
  return refused(failure("OVERLOADED", { slot }));
}

/** Resolves when a slot is where it was put. Error: ASK_TIMEOUT; the move goes on. */
export async function arrival(
  slot: SlotId,
  target: MemberRecord,
  { table, clock, deadlineMs }: Pick<MovePorts, "table" | "clock"> & { readonly deadlineMs: number },
): Promise<Result<Moved>> {
  const row = await new Promise<SlotRow | undefined>((resolve) => {
    const look = (row: SlotRow | undefined): void => {
      if (row?.record.owner === target.node) end(row);
    };
    const stopWatching = table.onChange((changed, row) => {
      if (changed === slot) look(row);
    });
    const cancel = clock.after(deadlineMs - clock.monotonicMs(), () => end(undefined));
    const end = (row: SlotRow | undefined): void => {
      stopWatching();
      cancel();
      resolve(row);
    };
    look(table.get(slot));
  });
  if (row === undefined) return refused(failure("ASK_TIMEOUT", { slot, to: target.name, goesOn: true }));
  return ok({ slot, owner: row.record.owner, epoch: row.record.epoch });
}
