/** Legal holds: set and lifted by people with the permission, and what they keep from erasure. What they keep from a
 *  prune is found where
 *  the snapshots are read (`node/backup/upkeep/holds.ts`). */
import type { BackupHold, CommandOf, backupGuardCommands } from "../../protocols/index.ts";
import { persist, refuse, reply, type Effect, type Turn } from "../behavior.ts";
import { actorLimits as limits } from "../limits.ts";
import type { Erasing, GuardChange, GuardState } from "./guards.ts";
import { holdsAt } from "../../protocols/index.ts";

type Incoming = CommandOf<typeof backupGuardCommands>;
type Of<Type extends Incoming["type"]> = Extract<Incoming, { type: Type }>;
type Effects = readonly Effect<GuardChange, never>[];

/** `pruning`: what is held may be gone already. */
export function hold(
  state: GuardState,
  { id, on, reason, by }: Of<"hold">,
  { nowMs }: Pick<Turn, "nowMs">,
  pruning: boolean,
): Effects {
  const { holds } = state;
  const known = holds.find((one) => one.id === id);
  if (known !== undefined) return [reply(known)];
  if (pruning)
    return [refuse("BACKUP_CHANGED", { reason: "a prune of backups is running: set the hold when it has ended" })];
  if (erasingNow(state, nowMs).some(({ tenant }) => keeps(on, tenant)))
    return [
      refuse("BACKUP_CHANGED", {
        reason: "the backup keys that this hold would keep are being destroyed: set the hold when that has ended",
      }),
    ];
  if (holds.length >= limits.backupHoldsMax) return [refuse("LIMIT_REACHED", { limit: "backupHoldsMax" })];
  const made: BackupHold = { id, on, reason, by, atMs: nowMs };
  return [persist({ type: "held", hold: made }), reply(made)];
}

export function lift({ holds }: GuardState, { id }: Of<"lift">): Effects {
  const held = holds.find((one) => one.id === id);
  return held === undefined ? [refuse("NOT_FOUND", { hold: id })] : [persist({ type: "lifted", id }), reply(held)];
}

/** Says that keys may be destroyed, and sets no hold meanwhile that would keep them. */
export function mayErase(state: GuardState, { tenant }: Of<"mayErase">, { nowMs }: Pick<Turn, "nowMs">): Effects {
  const held = state.holds.find(({ on }) => keeps(on, tenant));
  if (held !== undefined) return [refuse("UNDER_HOLD", { tenant, hold: held.id, reason: held.reason })];
  const others = erasingNow(state, nowMs).filter((one) => one.tenant !== tenant);
  if (others.length >= limits.backupErasuresMax) return [refuse("LIMIT_REACHED", { limit: "backupErasuresMax" })];
  const erasing = [...others, { tenant, untilMs: nowMs + limits.backupErasureMs }];
  return [persist({ type: "erasing", erasing }), reply({})];
}

export function erased(state: GuardState, { tenant }: Of<"erased">, { nowMs }: Pick<Turn, "nowMs">): Effects {
  const { erasing = [] } = state;
  if (!erasing.some((one) => one.tenant === tenant)) return [reply({})];
  const others = erasingNow(state, nowMs).filter((one) => one.tenant !== tenant);
  return [persist({ type: "erasing", erasing: others }), reply({})];
}

const erasingNow = ({ erasing = [] }: GuardState, nowMs: number): readonly Erasing[] =>
  erasing.filter(({ untilMs }) => holdsAt(nowMs, untilMs, limits.backupErasureMs));

/** A destroyed key makes what it encrypts unreadable in every snapshot. So a held snapshot keeps all keys; a held
 *  person keeps the person's, those of the person's agents, and those of rooms, in which the person may have written; a
 *  held actor keeps its own, and those of whose it is. */
function keeps(on: BackupHold["on"], tenant: string): boolean {
  if ("snapshot" in on) return true;
  if ("thread" in on) return tenant === on.thread || tenant === ownerOf(on.thread);
  const name = nameOf(on.person);
  return tenant === on.person || tenant.startsWith(`agent/${name}.`) || tenant.startsWith("room/");
}

/** Whose an actor's things are, or its files; undefined: nobody's. */
function ownerOf(thread: string): string | undefined {
  const kind = thread.slice(0, thread.indexOf("/"));
  return kind === "ledger" || kind === "agent" ? `user/${nameOf(thread).split(".", 1)[0] ?? ""}` : undefined;
}

const nameOf = (actor: string): string => actor.slice(actor.indexOf("/") + 1);
