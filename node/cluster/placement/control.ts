/** What admins do to the cluster, from whichever node they speak to. Every command is a change of a directory row, by
 *  compare-and-set like everybody else's; then the controller, the owners and the nodes themselves do what follows from
 *  it.
 *
 *      names ─► attempt ─► members, eviction, moves, pins ─► directory rows ─► audit
 *      overview ◄─ slot table, membership, beats, survey
 *
 *  Here the commands are put together: which node a name means, what is written down, and what a refusal says. */
import {
  beyondQuota,
  failure,
  ok,
  parseActorId,
  refused,
  slotOf,
  soleKeeper,
  type Failure,
  type InvitationIssued,
  type Moved,
  type NodeStorage,
  type Result,
  type SlotId,
  withAwaited,
} from "../../../protocols/index.ts";
import type { Exchange } from "../exchange/index.ts";
import type { Clock, Directory, MemberRecord, NodeId, SlotRecord } from "../../ports/index.ts";
import { sameSet } from "../facts/records.ts";
import type { ClusterControl } from "./api.ts";
import { attempt, type Attempt } from "./attempt.ts";
import { awaitedKeepers, readWanted, setWanted } from "./voters.ts";
import { evict } from "./eviction.ts";
import { placementLimits, type PlacementLimits } from "./limits.ts";
import { createMembers } from "./members.ts";
import { arrival, hold, letGo, refusalOf } from "./moves.ts";
import { createNames } from "./names.ts";
import { createOverview, shardsAmong, shardsOf, type OverviewPorts } from "./overview.ts";
import { pin } from "./pins.ts";
import { preview, type PreviewInput } from "./preview.ts";
import { createSurvey } from "./survey.ts";
import { vouchFor } from "./vouching.ts";

interface ControlOptions extends Omit<OverviewPorts, "survey" | "limits"> {
  readonly directory: Directory;
  readonly exchange: Exchange;
  readonly clock: Clock;
  readonly limits?: Partial<PlacementLimits>;
  invite(terms: Parameters<ClusterControl["invite"]>[0]): Promise<Result<InvitationIssued>>;
  migrate(endpoints?: readonly string[]): Promise<Result<{ readonly rows: number }>>;
  /** For the durable audit: the change, and the admin who made it if the command said so. */
  changed?(action: Audited, facts: Readonly<Record<string, string>>, by: string | undefined): void;
}

type OfOneNode = "evict" | "drain" | "undrain" | "roles" | "storage" | "invite";
type Audited = OfOneNode | "move" | "release" | "voters" | "trust" | "migrate";

/** Whether a slot is on its way to where it should be. */
const isMoving = ({ want, owner, inSync }: SlotRecord): boolean =>
  want !== undefined && (want.owner !== owner || !sameSet(want.replicas, inSync));

/** Makes the control. It keeps nothing, and needs no stopping. */
export function createClusterControl(options: ControlOptions): ClusterControl {
  const { table, membership, exchange, clock } = options;
  const limits: PlacementLimits = { ...placementLimits, ...options.limits };
  const names = createNames(membership);
  const survey = createSurvey({ exchange, membership, table, clock, limits });
  const overview = createOverview({ ...options, limits, survey });
  const keepsDirectory = (member: NodeId): boolean => soleKeeper(options.directoryInfo()) === member;
  const members = createMembers({ table, membership, limits, keepsDirectory });
  const votes = (member: NodeId): boolean => {
    const info = options.directoryInfo();
    return info.kind === "replicated" && info.voters.includes(member);
  };
  const ports = {
    node: options.node,
    table,
    membership,
    exchange,
    clock,
    limits,
    names,
    members,
    keepsDirectory,
    votes,
  };

  /** What helps after a refusal needs the directory as well: while that is away, its absence is what counts. */
  const insteadOf = (error: Failure): Failure => {
    const isHelped = error.code === "NO_CANDIDATE" || error.details?.["advice"] !== undefined;
    return isHelped && !overview.directoryAnswers() ? failure("DIRECTORY_AWAY") : error;
  };
  // One of another version is there, and no start of it helps.
  const isThere = (one: NodeId): boolean => membership.isUp(one) || options.refusals?.().has(one) === true;
  /** The nodes to be started, or else why those that are there do not answer. */
  const awaited = (): string | undefined =>
    awaitedKeepers(options.directoryInfo(), { isUp: isThere, nameOf: (one) => names.of(one) }) ??
    (overview.directoryAnswers() ? undefined : options.directoryAway().because);
  /** Runs a command, whose refusal calls nodes by their names. */
  const run = async <T>(command: (at: Attempt) => Promise<Result<T>>): Promise<Result<T>> => {
    const done = await attempt(options.directory, command);
    if (done.ok) return done;
    return refused(withAwaited(names.inFailure(insteadOf(done.error)), awaited()));
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

  /** The cluster as it is, for a preview. */
  const facts = async (): Promise<PreviewInput> => {
    const { turns, refusing } = await survey();
    const [{ members }, info] = [membership.members(), options.directoryInfo()];
    const rows = [...table.rows()].map(({ record }) => record);
    const wanted = await attempt(options.directory, async ({ directory }) => ok(await readWanted(directory)));
    return {
      members,
      up: new Set(members.flatMap(({ node }) => (membership.isStaying(node) ? [node] : []))),
      // Until it is known that a node does not come back, its copies count.
      expected: new Set(members.flatMap(({ node }) => (isExpected(node) ? [node] : []))),
      refusing,
      slow: new Set(members.flatMap(({ node }) => (membership.isSlow(node) ? [node] : []))),
      shards: shardsAmong(members, membership, (one) => options.heard(one)?.load),
      slots: rows,
      policy: options.policy.current(),
      directoryNode: soleKeeper(info),
      load: { slots: turns as ReadonlyMap<SlotId, number>, actors: [] },
      limits,
      groups: options.groups.current().flatMap(({ open, width }) => (open ? [width] : [])),
      voters:
        info.kind === "replicated"
          ? { now: info.voters.length, wanted: wanted.ok ? wanted.value : info.voters.length }
          : undefined,
      moving: rows.filter(isMoving).length,
    };
  };
  /** What a node has, and may have from now on. What it said itself is from before: of its own quota nothing is known
   *  that counts beside a larger one. */
  const storageNow = ({ node: id, storage }: MemberRecord, quotaBytes: number | null): NodeStorage => {
    const { quotaBytes: _before, ...others } = storage ?? {};
    const allowed = { ...others, ...(quotaBytes !== null && { quotaBytes }) };
    const isBound = Object.keys(allowed).length > 0;
    const load = membership.isUp(id) ? options.heard(id)?.load : undefined;
    const { quotaBytes: _said, ...shards } = shardsOf(isBound ? { storage: allowed } : {}, load);
    const beyondBytes = beyondQuota(shards);
    return { node: id, ...shards, ...(beyondBytes !== undefined && { beyondBytes }) };
  };
  const isExpected = (member: NodeId): boolean => {
    const heard = options.heard(member);
    return !membership.isUp(member) && heard !== undefined && heard.agoMs < limits.replaceAfterMs;
  };

  return {
    ...overview,

    awaited,

    preview: async (proposal) => preview(await facts(), proposal, (text) => names.find(text)),

    invite: (terms, by) =>
      run(async () => {
        const issued = await options.invite(terms);
        if (!issued.ok) return issued;
        note("invite", invitationFacts(issued.value, terms), by);
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
        const drain = draining ? { by: by ?? "operator", sinceMs: clock.nowMs() } : undefined;
        const changed = await members.setDraining(at, member, drain);
        if (changed.ok) note(draining ? "drain" : "undrain", { node: member.node, name: member.name }, by);
        return changed;
      }),

    drainEnded: (node) => run((at) => members.drainEnded(at, node as NodeId, clock.nowMs())),

    setRoles: (text, roles, by, seen) =>
      runFor(names.find(text), async (at, member) => {
        const changed = await members.setRoles(at, member, roles, seen);
        if (changed.ok) note("roles", { node: member.node, name: member.name, roles: roles.join(",") }, by);
        return changed;
      }),

    setStorage: (text, change, by) =>
      runFor(names.find(text), async (at, member) => {
        const changed = await members.setStorage(at, member, change);
        if (!changed.ok) return changed;
        const quota = change.quotaBytes === null ? "none" : String(change.quotaBytes);
        note("storage", { node: member.node, name: member.name, quotaBytes: quota }, by);
        return ok(storageNow(member, change.quotaBytes));
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

    voters: () =>
      run(async ({ directory }) => ok({ directory: options.directoryInfo(), wanted: await readWanted(directory) })),

    setVoters: ({ wanted, seen }, by) =>
      run(async (at) => {
        if (options.directoryInfo().kind === "etcd")
          return refused(failure("FORBIDDEN", { reason: "it is in etcd, whose own members vote" }));
        const changed = await setWanted(at, { wanted, seen }, limits);
        if (changed.ok) note("voters", { wanted: String(wanted) }, by);
        return changed;
      }),

    trustNode: (text, by) =>
      runFor(names.find(text), async (at, member) => {
        const trusted = await vouchFor(at, member, { nowMs: clock.nowMs(), limits });
        if (trusted.ok) note("trust", { node: member.node, name: member.name }, by);
        return trusted;
      }),

    migrateDirectory: (endpoints, by) =>
      run(async ({ changes }) => {
        changes();
        const migrated = await options.migrate(endpoints);
        const to = endpoints === undefined ? { to: "managers" } : { endpoints: endpoints.join(",") };
        if (migrated.ok) note("migrate", { ...to, rows: String(migrated.value.rows) }, by);
        return migrated;
      }),
  };
}

/** What the audit says of an invitation. */
function invitationFacts(
  { id, roles, expiresAtMs }: InvitationIssued,
  { labels = {}, storage }: Parameters<ClusterControl["invite"]>[0],
): Readonly<Record<string, string>> {
  const named = Object.entries(labels).map(([name, value]) => `${name}=${value}`);
  return {
    ...(id !== undefined && { invitation: id }),
    roles: roles.join(","),
    ...(named.length > 0 && { labels: named.join(",") }),
    ...(storage?.quotaBytes !== undefined && { quotaBytes: String(storage.quotaBytes) }),
    ...(storage?.classes !== undefined && { classes: storage.classes.join(",") }),
    expires: new Date(expiresAtMs).toISOString(),
  };
}
