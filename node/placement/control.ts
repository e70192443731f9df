/** What admins do to the cluster, from whichever node they speak to. Every command is a change of a directory row, by
 *  compare-and-set like everybody else's; then the controller, the owners and the nodes themselves do what follows from it.
 *
 *      names ─► attempt ─► members, eviction, moves, pins ─► directory rows ─► audit
 *      overview ◄─ slot table, membership, beats, survey
 *
 *  Here the commands are put together: which node a name means, what is written down, and what a refusal says. */
import {
  failure,
  ok,
  parseActorId,
  refused,
  slotOf,
  type InvitationIssued,
  type Moved,
  type Result,
  type SlotId,
} from "../../protocols/index.ts";
import type { Exchange } from "../exchange/index.ts";
import type { Clock, Directory, MemberRecord, NodeId } from "../ports.ts";
import type { ClusterControl } from "./api.ts";
import { attempt, type Attempt } from "./attempt.ts";
import { evict } from "./eviction.ts";
import { placementLimits, type PlacementLimits } from "./limits.ts";
import { createMembers } from "./members.ts";
import { arrival, hold, letGo, refusalOf } from "./moves.ts";
import { createNames } from "./names.ts";
import { createOverview, type OverviewPorts } from "./overview.ts";
import { pin } from "./pins.ts";
import { createSurvey } from "./survey.ts";

export interface ControlOptions extends Omit<OverviewPorts, "survey" | "limits"> {
  readonly directory: Directory;
  readonly exchange: Exchange;
  readonly clock: Clock;
  readonly limits?: Partial<PlacementLimits>;
  invite(terms: Parameters<ClusterControl["invite"]>[0]): Promise<Result<InvitationIssued>>;
  migrate(endpoints: readonly string[]): Promise<Result<{ readonly rows: number }>>;
  /** For the durable audit: the change, and the admin who made it if the command said so. */
  changed?(action: Audited, facts: Readonly<Record<string, string>>, by: string | undefined): void;
}

type Audited = "evict" | "drain" | "undrain" | "roles" | "move" | "release" | "invite" | "migrate";

/** Makes the control. It keeps nothing, and needs no stopping. */
export function createClusterControl(options: ControlOptions): ClusterControl {
  const { table, membership, exchange, clock } = options;
  const limits: PlacementLimits = { ...placementLimits, ...options.limits };
  const names = createNames(membership);
  const survey = createSurvey({ exchange, membership, table, clock, limits });
  const keepsDirectory = (member: NodeId): boolean => {
    const info = options.directoryInfo();
    return info.kind === "embedded" && info.node === member;
  };
  const members = createMembers({ table, membership, limits, keepsDirectory });
  const ports = { node: options.node, table, membership, exchange, clock, limits, names, members, keepsDirectory };

  /** Runs a command, whose refusal calls nodes by their names. */
  const run = async <T>(command: (at: Attempt) => Promise<Result<T>>): Promise<Result<T>> => {
    const result = await attempt(options.directory, command);
    return result.ok ? result : refused(names.inFailure(result.error));
  };
  /** The same, for a command about one node. */
  const runFor = <T>(
    found: Result<MemberRecord>,
    command: (at: Attempt, member: MemberRecord) => Promise<Result<T>>,
  ): Promise<Result<T>> => (found.ok ? run((at) => command(at, found.value)) : Promise.resolve(found));
  const note: NonNullable<ControlOptions["changed"]> = (action, facts, by) => options.changed?.(action, facts, by);

  const move = async (
    at: Attempt,
    { slot, target, deadlineMs }: { readonly slot: SlotId; readonly target: MemberRecord; readonly deadlineMs: number },
    by: string | undefined,
  ): Promise<Result<Moved>> => {
    const put = await hold(at, ports, { slot, target });
    if (!put.ok) return put;
    note("move", { slot, to: target.node, name: target.name }, by);
    return arrival(slot, target, { table, clock, deadlineMs });
  };

  return {
    ...createOverview({ ...options, limits, survey }),

    invite: (terms, by) =>
      run(async () => {
        const issued = await options.invite(terms);
        if (!issued.ok) return issued;
        const { id, roles, expiresAtMs } = issued.value;
        const labels = Object.entries(terms.labels ?? {}).map(([name, value]) => `${name}=${value}`);
        const facts = {
          ...(id !== undefined && { invitation: id }),
          roles: roles.join(","),
          ...(labels.length > 0 && { labels: labels.join(",") }),
          expires: new Date(expiresAtMs).toISOString(),
        };
        note("invite", facts, by);
        return issued;
      }),

    // There is no way back from it, so nobody's name is guessed.
    evict: (text, force, by) =>
      runFor(names.exactly(text), async (at, member) => {
        const evicted = await evict(at, ports, { member, force });
        if (!evicted.ok) return evicted;
        const lastCopies = String(evicted.value.lastCopies);
        note("evict", { node: member.node, name: member.name, lastCopies }, by);
        return evicted;
      }),

    setDraining: (text, draining, by) =>
      runFor(names.find(text), async (at, member) => {
        const changed = await members.setDraining(at, member, draining);
        if (changed.ok) note(draining ? "drain" : "undrain", { node: member.node, name: member.name }, by);
        return changed;
      }),

    setRoles: (text, roles, by) =>
      runFor(names.find(text), async (at, member) => {
        const changed = await members.setRoles(at, member, roles);
        if (changed.ok) note("roles", { node: member.node, name: member.name, roles: roles.join(",") }, by);
        return changed;
      }),

    moveActor(actor, to, timeoutMs, by) {
      const deadlineMs = clock.monotonicMs() + timeoutMs;
      return runFor(names.find(to), async (at, target) => {
        const kind = parseActorId(actor)?.kind;
        const role = kind === undefined ? undefined : options.roleOfKind(kind);
        if (role === undefined) return refused(failure("NOT_FOUND", { actor }));
        const refusal = refusalOf(target, role, ports);
        if (refusal !== undefined) return refused(refusal);
        const pinned = await pin(at, ports, { actor, base: slotOf(role, actor), to: target.node, deadlineMs });
        return pinned.ok ? move(at, { slot: pinned.value, target, deadlineMs }, by) : pinned;
      });
    },

    moveSlot(slot, to, timeoutMs, by) {
      const deadlineMs = clock.monotonicMs() + timeoutMs;
      return runFor(names.find(to), (at, target) => move(at, { slot, target, deadlineMs }, by));
    },

    release: (slot, by) =>
      run(async (at) => {
        const before = await letGo(at, ports, slot);
        if (!before.ok) return before;
        const from = before.value.held ?? "";
        note("release", { slot, from, name: names.of(from) }, by);
        return ok({ slot });
      }),

    migrateDirectory: (endpoints, by) =>
      run(async ({ changes }) => {
        changes();
        const migrated = await options.migrate(endpoints);
        if (migrated.ok) note("migrate", { endpoints: endpoints.join(","), rows: String(migrated.value.rows) }, by);
        return migrated;
      }),
  };
}
