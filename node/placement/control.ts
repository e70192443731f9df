/** What admins do to the cluster, from whichever node they speak to. Every command is a change of a directory row, by
 *  compare-and-set like everybody else's; then the controller, the owners and the nodes themselves do what follows from it.
 *
 *  A move waits until the slot table says that it happened. It says so on every node, so none has to be asked. Where an
 *  operator put a slot is remembered in the slot's record (`held`), and the plan leaves it there. */
import {
  assert,
  failure,
  failureOf,
  ok,
  parseActorId,
  refused,
  roles as allRoles,
  slotOf,
  type ActorId,
  type ClusterNodeRow,
  type ClusterSlotRow,
  type ClusterSummary,
  type DirectoryAway,
  type Evicted,
  type Failure,
  type InvitationIssued,
  type Moved,
  type Released,
  type Result,
  type Role,
  type SlotId,
} from "../../protocols/index.ts";
import type { Exchange } from "../exchange/index.ts";
import type { Clock, Directory, MemberRecord, Membership, NodeId, SlotRecord } from "../ports.ts";
import type { ClusterPolicy } from "../cluster/policy.ts";
import { serviceOf } from "../cluster/reach.ts";
import {
  asMember,
  changeSlot,
  listSlots as readSlots,
  memberKey,
  readSlot,
  sameSet,
  spendInvitations,
  type SlotRow,
} from "../cluster/records.ts";
import { firstOwner, roleOf, type SlotTable } from "../cluster/slot-table.ts";
import type { ClusterControl } from "./api.ts";
import { Candidates } from "./candidates.ts";
import { placementLimits, type PlacementLimits } from "./limits.ts";
import { findStranded, wantOf, type Stranded } from "./plan.ts";
import { createSurvey } from "./survey.ts";

export interface ControlOptions {
  readonly node: NodeId;
  readonly cluster: string;
  readonly directory: Directory;
  readonly table: SlotTable;
  readonly membership: Membership;
  readonly exchange: Exchange;
  readonly clock: Clock;
  readonly policy: ClusterPolicy;
  readonly limits?: Partial<PlacementLimits>;
  /** The role whose nodes host a kind of actor. */
  roleOfKind(kind: string): Role | undefined;
  /** What is known of a node's load; its fields come from its beats. */
  heard(node: NodeId): { readonly agoMs: number; readonly load: ClusterNodeLoad | undefined } | undefined;
  directoryInfo(): ClusterSummary["directory"];
  /** What is known of a directory that does not answer. */
  directoryAway(): DirectoryAway;
  /** Whether this start of the node is in the directory. */
  joined(): boolean;
  /** The version that this process runs; its row has that of an earlier start while the directory is away. */
  version?(): string | undefined;
  /** Members that are there and speak a version that this node does not. */
  refusals?(): ReadonlyMap<NodeId, Failure>;
  invite(terms: Parameters<ClusterControl["invite"]>[0]): Promise<Result<InvitationIssued>>;
  migrate(endpoints: readonly string[]): Promise<Result<{ readonly rows: number }>>;
  /** For the durable audit: what was changed, and by whom if the command said so. */
  changed?(action: Audited, facts: Readonly<Record<string, string>>, by: string | undefined): void;
}

type Audited = "evict" | "drain" | "undrain" | "roles" | "move" | "release" | "invite" | "migrate";

type ClusterNodeLoad = Required<
  Pick<ClusterNodeRow, "actors" | "turnsPerSecond" | "connections" | "eventLoopLagMs" | "memoryBytes">
>;

/** The row of a member that is not being taken out, or no more. */
function staying({ leaving: _leaving, ...record }: MemberRecord): MemberRecord {
  return record;
}

/** Of a member whose row, in an etcd that others write to as well, says nothing any more. */
const nonsense = (row: string): Failure => failure("DATA_DAMAGED", { row, reason: "it is no member's row" });

/** Makes the control. It keeps nothing, and needs no stopping. */
export function createClusterControl(options: ControlOptions): ClusterControl {
  const { node, table, policy, membership, exchange, clock } = options;
  /** Changes that were tried, of rows and of anything else. */
  let tried = 0;
  const directory: Directory = {
    read: (key) => options.directory.read(key),
    list: (prefix) => options.directory.list(prefix),
    watch: (prefix, watcher) => options.directory.watch(prefix, watcher),
    compareAndSet(...change) {
      tried += 1;
      return options.directory.compareAndSet(...change);
    },
  };
  const limits: PlacementLimits = { ...placementLimits, ...options.limits };
  const note: NonNullable<ControlOptions["changed"]> = (action, facts, by) => options.changed?.(action, facts, by);
  const survey = createSurvey({ exchange, membership, table, clock, limits });

  // --- names -------------------------------------------------------------------------------------------------------------

  /** The member by its id or its name. */
  const findExactly = (text: string): Result<MemberRecord> => {
    const { members } = membership.members();
    const exact = members.find((one) => one.node === text) ?? members.find(({ name }) => name === text);
    return exact === undefined ? refused(failure("NOT_FOUND", { node: text })) : ok(exact);
  };

  /** Or by the beginning of either if that is enough to tell. */
  const find = (text: string): Result<MemberRecord> => {
    const exact = findExactly(text);
    if (exact.ok) return exact;
    const { members } = membership.members();
    const begun = members.filter((one) => one.node.startsWith(text) || one.name.startsWith(text));
    const [only, ...others] = begun;
    if (only === undefined) return exact;
    if (others.length === 0) return ok(only);
    return refused(failure("BAD_REQUEST", { reason: "several nodes begin so", nodes: begun.map(({ name }) => name) }));
  };

  /** Its id where it is no member any more. */
  const nameOf = (member: NodeId): string =>
    membership.members().members.find((one) => one.node === member)?.name ?? member;

  const keepsDirectory = (member: NodeId): boolean => {
    const info = options.directoryInfo();
    return info.kind === "embedded" && info.node === member;
  };

  /** Slots that nobody is left to have begin with nothing at another node: else what belongs there could never be used
   *  again, not even empty. One that a member holds which is only down is left to it. `given`: those that are given up so.
   *  False: some changed meanwhile. */
  const abandon = async (evicted: NodeId, given: Set<SlotId>): Promise<boolean> => {
    let all = true;
    const members = membership.members().members.filter((one) => one.node !== evicted);
    const isMember = (name: NodeId): boolean => members.some((one) => one.node === name);
    for (const { record, revision } of await readSlots(directory)) {
      if (!record.inSync.includes(evicted) || record.inSync.some(isMember)) continue;
      const isUpNow = (name: NodeId): boolean => membership.isUp(name);
      const owner = firstOwner(record.splitFrom ?? record.slot, { members, isUp: isUpNow });
      if (owner === undefined) given.add(record.slot);
      if (owner === undefined) continue;
      const epoch = record.epoch + 1;
      const { want: _want, held: _held, ...kept } = record;
      const next = { ...kept, epoch, owner, inSync: [owner], learners: [], abandoned: epoch };
      const { applied, row } = await changeSlot(directory, next, revision);
      if (row) table.learn(row);
      if (applied) given.add(record.slot);
      all &&= applied;
    }
    return all;
  };

  /** With the node called by its name, where it has one. */
  const named = (error: Failure): Failure => {
    const known = membership.members().members.find(({ node: id }) => id === error.details?.["node"]);
    return known === undefined ? error : { ...error, details: { ...error.details, node: known.name } };
  };

  /** Runs a command; the directory's absence is an answer, and a safe one before any change was tried. An invitation that got
   *  lost counts as none: nobody has its token. */
  const guarded = async <T>(command: () => Promise<Result<T>>): Promise<Result<T>> => {
    const before = tried;
    const result = await command().catch((error: unknown) => refused(failureOf(error)));
    if (result.ok) return result;
    const error = named(result.error);
    const untouched = error.code === "DIRECTORY_UNAVAILABLE" && tried === before;
    return refused(untouched ? failure("DIRECTORY_AWAY", error.details) : error);
  };

  // --- members -----------------------------------------------------------------------------------------------------------

  /** Changes a member's row. `next` looks at the row as it is and says what it should be (`undefined`: gone), or why not. */
  const changeMember = async (
    member: NodeId,
    next: (record: MemberRecord) => { readonly record: MemberRecord | undefined } | { readonly error: Failure },
  ): Promise<Result<{ readonly node: string }>> => {
    for (let attempt = 0; attempt < limits.rowAttemptsMax; attempt += 1) {
      const row = await directory.read(memberKey(member));
      if (row === undefined) return refused(failure("NOT_FOUND", { node: member }));
      const record = asMember(row);
      if (record === undefined) return refused(nonsense(row.key));
      const answer = next(record);
      if ("error" in answer) return refused(answer.error);
      const { applied } = await directory.compareAndSet(row.key, answer.record, row.revision);
      if (applied) return ok({ node: member });
    }
    return refused(failure("OVERLOADED", { row: memberKey(member) }));
  };

  const slotsWith = (test: (record: SlotRecord) => boolean): readonly SlotRecord[] =>
    [...table.rows()].flatMap(({ record }) => (test(record) ? [record] : []));

  const holdsLast =
    (member: NodeId) =>
    ({ inSync }: SlotRecord): boolean =>
      inSync.includes(member) && inSync.every((one) => one === member || !membership.isUp(one));

  /** Why a member may not go because of these slots: it has the last copy of some, or owns some and is up, so that whoever
   *  uses them would wait for a failover that a drain spares them. */
  const heldBack = (member: NodeId, slots: readonly SlotRecord[]): Failure | undefined => {
    const isUp = membership.isUp(member);
    const last = slots.filter(holdsLast(member));
    const owned = slots.filter(({ owner }) => isUp && owner === member);
    const held = new Set([...last, ...owned].map(({ slot }) => slot));
    if (held.size === 0) return undefined;
    const reason =
      last.length === 0
        ? "it is up and owns slots; drain it first"
        : isUp
          ? "it holds the last copy of slots; drain it first"
          : "it holds the last copy of slots and is down; start it, then drain it";
    const among = [...held].sort().slice(0, limits.slotsNamedMax).join(", ");
    const lost = "If the node is lost for good, --force gives up what only it has.";
    const hint = isUp
      ? `\`plexus nodes drain ${nameOf(member)} --wait\` moves it away. If it died just now, ask again in a moment: it counts as up until its silence is noticed.`
      : `Started again, it gives away what it has: \`plexus nodes drain ${nameOf(member)} --wait\`.`;
    return failure("FORBIDDEN", { reason, slots: held.size, among, hint: `${hint} ${lost}` });
  };

  /** Why a member may not go because of what it is, whatever it holds. */
  const needed = ({ node: member, roles }: MemberRecord, force: boolean): Failure | undefined => {
    if (keepsDirectory(member)) {
      const hint = "`plexus directory migrate --etcd URL…` moves that to etcd; then it may go like any other.";
      return failure("FORBIDDEN", { reason: "it keeps the directory", hint });
    }
    // Its own part in it ends before the answer and the audit are out.
    if (member === node)
      return failure("FORBIDDEN", {
        reason: "it is the node that was asked",
        hint: "Run the command at another node: with the --data or the --url of that node.",
      });
    if (roles.includes("manager") && !others("manager", member))
      return failure("NO_CANDIDATE", { role: "manager", reason: "it is the last manager" });
    const role = roles.find((one) => !force && isLast(one, member));
    return role && failure("NO_CANDIDATE", { role, reason: "it is the last node of a role that has slots" });
  };

  /** Takes a member out: one whose slots do not hold it back, or with `force` any, whose last copies are given up. It
   *  drains from before the look: who creates a slot does so under its own row as it read it, so nothing is created between
   *  the look and the end; and `leaving`, so that in this time it does not become the last
   *  to hold a slot either. The row goes last, so that what broke off can be asked for again. */
  const takeOut = async (member: NodeId, force: boolean): Promise<Result<Evicted>> => {
    const given = new Set<SlotId>();
    let before: MemberRecord | undefined;
    for (let attempt = 0; attempt < limits.rowAttemptsMax; attempt += 1) {
      const row = await directory.read(memberKey(member));
      if (row === undefined) return refused(failure("NOT_FOUND", { node: member }));
      const record = asMember(row);
      if (record === undefined) return refused(nonsense(row.key));
      if (record.state !== "draining" || record.leaving !== true) {
        before ??= record;
        await directory.compareAndSet(row.key, { ...record, state: "draining", leaving: true }, row.revision);
        continue;
      }
      if (force && !(await abandon(member, given))) continue;
      const slots = force ? [] : (await readSlots(directory)).map((slot) => slot.record);
      const refusal = heldBack(member, slots);
      if (refusal !== undefined) {
        const stays = staying({ ...record, state: before?.state ?? record.state });
        await directory.compareAndSet(row.key, stays, row.revision);
        return refused(refusal);
      }
      await spendInvitations(directory, member);
      const { applied } = await directory.compareAndSet(row.key, undefined, row.revision);
      if (applied) return ok({ node: member, lastCopies: given.size });
    }
    return refused(failure("OVERLOADED", { row: memberKey(member) }));
  };

  // --- slots -------------------------------------------------------------------------------------------------------------

  /** The members, as if all were up unless it is asked who is: what a slot lacks while one is down is missing, and not given up. */
  const candidatesNow = (isUp: (one: NodeId) => boolean = () => true): Candidates => {
    const { members } = membership.members();
    const up = new Set(members.flatMap((one) => (isUp(one.node) ? [one.node] : [])));
    const info = options.directoryInfo();
    const directoryNode = info.kind === "embedded" ? info.node : undefined;
    return new Candidates({ members, up, slots: [], policy: policy.current(), directoryNode, balance: false, limits });
  };

  /** Whether records can be changed, as far as this node knows. */
  const directoryAnswers = (): boolean => {
    const info = options.directoryInfo();
    return table.current && (info.kind === "etcd" || membership.isUp(info.node));
  };

  const isUp = (one: NodeId): boolean => membership.isUp(one);

  /** Nobody can be given a role while the directory is away, nor takes anything over: what is down waits for that. */
  const strandedNow = (): readonly Stranded[] => {
    if (!directoryAnswers()) return [];
    const records = [...table.rows()].map(({ record }) => record);
    return findStranded(records, candidatesNow(isUp));
  };

  const rowOf = (record: SlotRecord, candidates: Candidates): ClusterSlotRow => {
    const { slot, epoch, owner, inSync, learners, held } = record;
    const want = wantOf(record);
    const there = want.owner === owner && sameSet(want.replicas, inSync);
    const safe = inSync.filter((one) => membership.isUp(one)).length;
    const short = safe < candidates.copies(roleOf(slot, record.splitFrom), owner);
    const at = { isUp, directoryAnswers: directoryAnswers(), minInSync: policy.current().minInSync };
    const service = serviceOf(record, at);
    const status = service !== "served" ? service : short ? "short" : there ? "ok" : "moving";
    return {
      slot,
      epoch,
      owner,
      inSync,
      learners,
      ...(held !== undefined && { held }),
      ...(!there && { want }),
      status,
    };
  };

  const listSlots = async (): Promise<readonly ClusterSlotRow[]> => {
    const candidates = candidatesNow();
    const stranded = new Map(strandedNow().flatMap(({ role, slots }) => slots.map((slot) => [slot, role] as const)));
    return [...table.rows()]
      .map(({ record }) => {
        const role = stranded.get(record.slot);
        return { ...rowOf(record, candidates), ...(role && { stranded: role }) };
      })
      .sort((one, other) => (one.slot < other.slot ? -1 : 1));
  };

  /** Waits until the table satisfies `done`, or `deadlineMs` has come. */
  const waitFor = (slot: SlotId, deadlineMs: number, done: (row: SlotRow) => boolean): Promise<SlotRow | undefined> =>
    new Promise((resolve) => {
      const look = (row: SlotRow | undefined): void => {
        if (row !== undefined && done(row)) end(row);
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

  /** The newest that is known: the table may be behind, a read is not. */
  const fetchSlot = async (slot: SlotId): Promise<SlotRow | undefined> => {
    const row = await readSlot(directory, slot);
    if (row !== undefined) table.learn(row);
    return row;
  };

  const move = async (
    slot: SlotId,
    target: MemberRecord,
    deadlineMs: number,
    by: string | undefined,
  ): Promise<Result<Moved>> => {
    for (let attempt = 0; ; attempt += 1) {
      if (attempt === limits.rowAttemptsMax) return refused(failure("OVERLOADED", { slot }));
      const row = await fetchSlot(slot);
      if (row === undefined) return refused(failure("NOT_FOUND", { slot }));
      const { record, revision } = row;
      const refusal = mayTake(target, roleOf(slot, record.splitFrom));
      if (refusal !== undefined) return refused(refusal);
      const { replicas } = wantOf(record);
      const want = {
        owner: target.node,
        replicas: replicas.includes(target.node) ? replicas : [target.node, ...replicas],
      };
      const next: SlotRecord = { ...record, held: target.node, want };
      if (record.held === target.node && wantOf(record).owner === target.node) break;
      const { applied, row: now } = await changeSlot(directory, next, revision);
      if (now !== undefined) table.learn(now);
      if (applied) break;
    }
    note("move", { slot, to: target.node, name: target.name }, by);
    const moved = await waitFor(slot, deadlineMs, ({ record }) => record.owner === target.node);
    if (moved === undefined) return refused(failure("ASK_TIMEOUT", { slot, to: target.name, goesOn: true }));
    return ok({ slot, owner: moved.record.owner, epoch: moved.record.epoch });
  };

  const release = async (slot: SlotId, by: string | undefined): Promise<Result<Released>> => {
    for (let attempt = 0; attempt < limits.rowAttemptsMax; attempt += 1) {
      const row = await fetchSlot(slot);
      if (row === undefined) return refused(failure("NOT_FOUND", { slot }));
      const { held, ...record } = row.record;
      if (held === undefined) return refused(failure("ALREADY_DONE", { slot }));
      const { applied, row: now } = await changeSlot(directory, record, row.revision);
      if (now !== undefined) table.learn(now);
      if (!applied) continue;
      note("release", { slot, from: held, name: nameOf(held) }, by);
      return ok({ slot });
    }
    return refused(failure("OVERLOADED", { slot }));
  };

  const mayTake = (target: MemberRecord, role: Role): Failure | undefined => {
    const reason = !target.roles.includes(role)
      ? `it has not the role ${role}`
      : target.state === "draining"
        ? "it is draining"
        : membership.isUp(target.node)
          ? undefined
          : "it is down";
    return reason === undefined ? undefined : failure("NO_CANDIDATE", { node: target.name, reason });
  };

  /** Asks the owner to give an actor a slot of its own, at `to` if that node has a copy; looks up the owner again while it
   *  changes. */
  const pinned = async (
    { actor, base, to }: { readonly actor: ActorId; readonly base: SlotId; readonly to: NodeId },
    deadlineMs: number,
  ): Promise<Result<SlotId>> => {
    const own = actor as SlotId;
    for (;;) {
      if ((await fetchSlot(own)) !== undefined) return ok(own);
      const row = await fetchSlot(base);
      if (row === undefined) return refused(failure("NOT_FOUND", { actor }));
      const leftMs = deadlineMs - clock.monotonicMs();
      if (leftMs <= limits.pinRetryMs) return refused(failure("ASK_TIMEOUT", { actor, phase: "pin" }));
      tried += 1;
      const answer = await exchange.call(row.record.owner, "placement.pin", { actor, to }, leftMs);
      if (answer.ok && (await fetchSlot(own)) !== undefined) return ok(own);
      // What did not start, or may have happened, is looked at again; what was refused for good is not.
      if (!answer.ok && answer.error.outcome === "failed") return answer;
      await new Promise<void>((resolve) => void clock.after(limits.pinRetryMs, resolve));
    }
  };

  return {
    summary: () =>
      guarded(async () => {
        const { busiest, refusing } = await survey();
        const candidates = candidatesNow();
        const { view, members } = membership.members();
        const owned = new Map<NodeId, number>();
        const copied = new Map<NodeId, number>();
        const add = (counts: Map<NodeId, number>, one: NodeId): void =>
          void counts.set(one, (counts.get(one) ?? 0) + 1);
        const slots = { total: 0, ok: 0, moving: 0, short: 0, blocked: 0, down: 0 };
        for (const { record } of table.rows()) {
          slots.total += 1;
          slots[rowOf(record, candidates).status] += 1;
          add(owned, record.owner);
          for (const one of record.inSync) if (one !== record.owner) add(copied, one);
        }
        const refusals = options.refusals?.();
        const nodes = members.map((member): ClusterNodeRow => {
          const { name, roles, labels, weight, models, version, url, incarnation, state } = member;
          const up = membership.isUp(member.node);
          const last = options.heard(member.node);
          const why = up ? undefined : refusals?.get(member.node);
          return {
            node: member.node,
            name,
            roles,
            labels,
            weight,
            models,
            version: (member.node === node && options.version?.()) || version,
            url,
            incarnation,
            state,
            up,
            ...(why && { refused: why }),
            self: member.node === node,
            ...(member.node === node && !options.joined() && { joined: false }),
            ...(refusing.has(member.node) && { diskRefuses: true }),
            directory: keepsDirectory(member.node),
            slotsOwned: owned.get(member.node) ?? 0,
            slotsReplicated: copied.get(member.node) ?? 0,
            ...(up && last?.load),
            ...(last && { lastHeardMs: last.agoMs }),
          };
        });
        const { replicas, minInSync } = policy.current();
        const { cluster } = options;
        const directoryNow = options.directoryInfo();
        const away = directoryAnswers() ? undefined : options.directoryAway();
        const stranded = strandedNow().map((row) => ({ ...row, slots: row.slots.length }));
        return ok({ cluster, view, directory: directoryNow, ...(away && { directoryAway: away }), replicas, minInSync, nodes, slots, ...(busiest && { busiest }), ...(stranded.length > 0 && { stranded }) }); // prettier-ignore
      }),

    slots: () => guarded(async () => ok(await listSlots())),

    directoryAnswers,

    stranded(actor) {
      const kind = parseActorId(actor)?.kind;
      const role = kind === undefined ? undefined : options.roleOfKind(kind);
      if (role === undefined || !directoryAnswers()) return undefined;
      const { record } = table.get(actor as SlotId) ?? table.get(slotOf(role, actor)) ?? {};
      const [found] = record === undefined ? [] : findStranded([record], candidatesNow(isUp));
      if (record === undefined || found === undefined) return undefined;
      const { members } = membership.members();
      const nodes = members.filter((one) => record.inSync.includes(one.node) && membership.isUp(one.node));
      const taker = nodes.find((one) => one.node === found.nodes[0]) as MemberRecord;
      const cure = `plexus nodes roles ${taker.name} ${[...taker.roles, found.role].join(",")}`;
      return { role: found.role, nodes: nodes.map(({ name }) => name), cure };
    },

    invite: (terms, by) =>
      guarded(async () => {
        const issued = await options.invite(terms);
        if (!issued.ok) return issued;
        const { id, roles, expiresAtMs } = issued.value;
        const labels = Object.entries(terms.labels ?? {}).map(([name, value]) => `${name}=${value}`);
        const expires = new Date(expiresAtMs).toISOString();
        const facts = {
          ...(id !== undefined && { invitation: id }),
          roles: roles.join(","),
          ...(labels.length > 0 && { labels: labels.join(",") }),
          expires,
        };
        note("invite", facts, by);
        return issued;
      }),

    evict: (text, force, by) =>
      guarded(async () => {
        // There is no way back from it, so nobody's name is guessed.
        const found = findExactly(text);
        if (!found.ok) return found;
        const member = found.value.node;
        const held = slotsWith(({ inSync }) => !force && inSync.includes(member));
        const refusal = needed(found.value, force) ?? heldBack(member, held);
        if (refusal !== undefined) return refused(refusal);
        const evicted = await takeOut(member, force);
        if (!evicted.ok) return evicted;
        const lastCopies = String(evicted.value.lastCopies);
        note("evict", { node: member, name: found.value.name, lastCopies }, by);
        return evicted;
      }),

    setDraining: (text, draining, by) =>
      guarded(async () => {
        const found = find(text);
        if (!found.ok) return found;
        const state = draining ? "draining" : "active";
        const changed = await changeMember(found.value.node, (record) => ({ record: staying({ ...record, state }) }));
        if (changed.ok) note(draining ? "drain" : "undrain", { node: found.value.node, name: found.value.name }, by);
        return changed;
      }),

    setRoles: (text, roles, by) =>
      guarded(async () => {
        const found = find(text);
        if (!found.ok) return found;
        assert(roles.every((role) => allRoles.includes(role)), "roles were checked at the gateway"); // prettier-ignore
        const { node: member, name } = found.value;
        if (keepsDirectory(member) && !roles.includes("manager"))
          return refused(failure("FORBIDDEN", { reason: "it keeps the directory, so it stays a manager" }));
        const changed = await changeMember(member, (record) => {
          const orphan = record.roles.find((role) => !roles.includes(role) && isLast(role, member));
          if (orphan !== undefined) return { error: failure("NO_CANDIDATE", { role: orphan }) };
          return { record: { ...record, roles } };
        });
        if (changed.ok) note("roles", { node: member, name, roles: roles.join(",") }, by);
        return changed;
      }),

    moveActor: (actor, to, timeoutMs, by) =>
      guarded(async () => {
        const deadlineMs = clock.monotonicMs() + timeoutMs;
        const found = find(to);
        if (!found.ok) return found;
        const kind = parseActorId(actor)?.kind;
        const role = kind === undefined ? undefined : options.roleOfKind(kind);
        if (role === undefined) return refused(failure("NOT_FOUND", { actor }));
        const refusal = mayTake(found.value, role);
        if (refusal !== undefined) return refused(refusal);
        const slot = await pinned({ actor, base: slotOf(role, actor), to: found.value.node }, deadlineMs);
        return slot.ok ? move(slot.value, found.value, deadlineMs, by) : slot;
      }),

    moveSlot: (slot, to, timeoutMs, by) =>
      guarded(async () => {
        const found = find(to);
        return found.ok ? move(slot, found.value, clock.monotonicMs() + timeoutMs, by) : found;
      }),

    release: (slot, by) => guarded(() => release(slot, by)),

    migrateDirectory: (endpoints, by) =>
      guarded(async () => {
        tried += 1;
        const migrated = await options.migrate(endpoints);
        if (migrated.ok) note("migrate", { endpoints: endpoints.join(","), rows: String(migrated.value.rows) }, by);
        return migrated;
      }),
  };

  /** Whether there are others with a role. */
  function others(role: Role, member: NodeId): boolean {
    const { members } = membership.members();
    return members.some((one) => one.node !== member && one.state === "active" && one.roles.includes(role));
  }

  /** Whether slots of a role would be left without a node. */
  function isLast(role: Role, member: NodeId): boolean {
    return !others(role, member) && slotsWith(({ slot, splitFrom }) => roleOf(slot, splitFrom) === role).length > 0;
  }
}
