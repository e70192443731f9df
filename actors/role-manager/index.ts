/** The role-manager, one for the cluster (`role-manager/cluster`): which nodes there are and what they may do, who
 *  administers the cluster, and what was done to it.
 *
 *  The first admin is the person who knows the code that a node printed when it started. Only the code's hash arrives
 *  here, and only while there is no admin; it makes the owner. People who got or lost roles are told through the
 *  outbox. There is always an owner.
 *
 *  What was done to the cluster is written down here, in records of which the newest are kept. It is a memory, not a
 *  switch: what holds now are rows of the directory, which the planner must be able to read when this actor is on a
 *  node that died. docs/decisions/0010-placement.md says more. */
import {
  defaultRole,
  isAdminBy,
  unreachable,
  wireLimits,
  roleManagerCommands,
  type CommandOf,
  type AuditEntry,
  type AuditPage,
  type ClusterView,
  type NodeRecord,
  type PersonRoles,
} from "../../protocols/index.ts";
import { messageCheckOf } from "../message-check.ts";
import { decideBy, type Handlers } from "../handlers.ts";
import {
  persist,
  refuse,
  reply,
  type ActorRecord,
  type Behavior,
  type Effect,
  type RecordOp,
  type ReplyTo,
  type Signal,
  type Turn,
} from "../behavior.ts";
import { outboxAfterRestore } from "../restored-numbers.ts";
import { actorLimits as limits } from "../limits.ts";
import {
  deliver,
  dispatch,
  emptyOutbox,
  enqueue,
  fits,
  recoverOutbox,
  remindOutbox,
  settle,
  type Delivered,
  type Mail,
  type Outbox,
} from "../outbox.ts";
import { firstPage } from "../page.ts";
import { holdsAt } from "../../protocols/index.ts";

/** What the cluster remembers of itself. */
export interface ClusterState {
  readonly outbox: Outbox;
  readonly nodes: readonly NodeRecord[];
  /** People with the role admin or owner, the longest first. */
  readonly admins: readonly string[];
  /** Since when each of them is one without a break, by this actor's clock. Absent: nobody has looked since an older
   *  version made them one. */
  readonly adminsSince?: Readonly<Record<string, number>>;
  /** Roles of everybody who has other ones than a member's. Absent in a state from before there were roles, and of
   *  people whom an older version made admins: see `rolesIn`. */
  readonly roles?: Readonly<Record<string, readonly string[]>>;
  /** Hash of the code that makes the first admin; null when there is none, or an admin already. */
  readonly adminCodeHash: string | null;
  /** Entries of the audit that were ever written. Absent in a state from before there was one. */
  readonly audited?: number;
}

/** What is persisted. */
export type ClusterChange =
  | { readonly type: "nodeStarted"; readonly record: NodeRecord; readonly adminCodeHash: string | null }
  | { readonly type: "nodeStopped"; readonly node: string }
  | {
      /** An older version reads it without `roles`, and writes it so. */
      readonly type: "adminSet";
      readonly user: string;
      readonly admin: boolean;
      readonly roles?: readonly string[];
      readonly mail: readonly Mail[];
      readonly atMs?: number;
    }
  | { readonly type: "audited"; readonly entry: AuditEntry; readonly mail?: readonly Mail[] }
  | Delivered;

type Incoming = CommandOf<typeof roleManagerCommands>;
type Effects = readonly Effect<ClusterChange, never>[];

const initial: ClusterState = { outbox: emptyOutbox, nodes: [], admins: [], adminCodeHash: null };

const handlers: Handlers<ClusterState, Incoming, Turn, Effects> = {
  nodeStarted,
  nodeStopped: (state, message) => nodeStopped(state, message.node),
  claimAdmin,
  setAdmin: (state, message, turn) => setRoles(state, { user: message.user, roles: withAdmin(state, message) }, turn),
  setRoles,
  personGone: (state, _message, turn) => personGone(state, turn),
  people,
  describe: (state, _message, turn) => describe(state, turn),
  audit,
  auditPage: (_state, message, turn) => auditPage(message, turn),
};

/** The behavior of the role-manager. */
export const roleManager: Behavior<ClusterState, Incoming, ClusterChange> = {
  kind: "role-manager",
  role: "manager",
  accepts: messageCheckOf(roleManagerCommands),
  initial: () => initial,
  decide: decideBy(roleManagerCommands, handlers, {
    answered: onAnswered,
    records: (_state, { tag, records }) => onRecords(tag as AuditTag | undefined, records),
    reminded: (state, signal, turn) => remindOutbox(state.outbox, signal.id, turn.self),
  }),
  evolve,
  record,
  recover: (state, turn) => recoverOutbox(state.outbox, turn.self),
  pending: (state) => state.outbox.entries.length > 0,
  // Its nodes are gone; those that come say so themselves.
  restored: (state) => ({ ...state, nodes: [], adminCodeHash: null, outbox: outboxAfterRestore(state.outbox) }),
};

function nodeStarted(
  state: ClusterState,
  { node, roles, models, labels, adminCodeHash }: Extract<Incoming, { type: "nodeStarted" }>,
  turn: Turn,
): Effects {
  const record: NodeRecord = { node, roles, models, labels, startedAtMs: turn.nowMs, running: true };
  const change: ClusterChange = { type: "nodeStarted", record, adminCodeHash: adminCodeHash ?? null };
  const next = evolve(state, change);
  return [persist(change), reply(viewOf(next, turn)), ...crown(next, turn)];
}

/** Says what there is. Of admins whom an older version made nobody knows since when: their day begins when this version
 *  first sees them. */
function describe(state: ClusterState, turn: Turn): Effects {
  const unknown = state.admins.filter((user) => !Object.hasOwn(state.adminsSince ?? {}, user));
  const changes = unknown.map((user): ClusterChange => ({
    type: "adminSet",
    user,
    admin: true,
    roles: rolesIn(state, user),
    mail: [],
    atMs: turn.nowMs,
  }));
  return [...changes.map((change) => persist(change)), reply(viewOf(changes.reduce(evolve, state), turn))];
}

/** Makes the first admin of a cluster of before the owner. */
function crown(state: ClusterState, turn: Turn): Effects {
  const [first] = state.admins;
  if (first === undefined || ownersOf(state).length > 0 || !fits(state.outbox, 1)) return [];
  return told(
    state,
    { user: first, roles: [...rolesIn(state, first).filter((role) => role !== "admin"), "owner"] },
    turn,
  );
}

function nodeStopped(state: ClusterState, node: string): Effects {
  const running = state.nodes.some((record) => record.node === node && record.running);
  return running ? [persist({ type: "nodeStopped", node }), reply({})] : [reply({})];
}

/** Errors: ADMIN_CODE_WRONG, ALREADY_DONE. Repeated by the same user it gives the same answer. */
function claimAdmin(
  state: ClusterState,
  { user, codeHash }: Extract<Incoming, { type: "claimAdmin" }>,
  turn: Turn,
): Effects {
  if (state.admins.includes(user)) return [reply({ admin: true })];
  if (state.admins.length > 0) return [refuse("ALREADY_DONE")];
  if (state.adminCodeHash === null || state.adminCodeHash !== codeHash) return [refuse("ADMIN_CODE_WRONG")];
  return change(state, { user, roles: ["owner"] }, turn);
}

/** The roles that somebody has. An older version that made somebody an admin, or ended that, has not said which. */
function rolesIn({ roles = {}, admins }: Pick<ClusterState, "roles" | "admins">, user: string): readonly string[] {
  const held = Object.hasOwn(roles, user) ? (roles[user] as readonly string[]) : [];
  const admin = admins.includes(user);
  if (admin === isAdminBy(held)) return held;
  return admin ? [...held, "admin"] : held.filter((role) => !isAdminBy([role]));
}

const ownersOf = (state: ClusterState): readonly string[] =>
  state.admins.filter((user) => rolesIn(state, user).includes("owner"));

/** What `setAdmin` of an older gateway asks for. */
function withAdmin(state: ClusterState, { user, admin }: { readonly user: string; readonly admin: boolean }) {
  const held = rolesIn(state, user);
  if (isAdminBy(held) === admin) return held;
  return admin ? [...held, "admin"] : held.filter((role) => !isAdminBy([role]));
}

/** Tag of the question whether the user that is to have roles exists. */
interface RolesTag extends PersonRoles {
  readonly type: "roles";
  readonly to: ReplyTo | undefined;
}

/** A cluster keeps at least one owner, and gives nothing to somebody who is not there: a person who signed up by that
 *  name later would have it. Errors: NOT_FOUND, FORBIDDEN, LIMIT_REACHED. */
function setRoles(
  state: ClusterState,
  { user, roles: wanted, before }: PersonRoles & { readonly before?: readonly string[] },
  turn: Turn,
): Effects {
  const asked = wanted.filter((role) => role !== defaultRole || wanted.length > 1);
  // The first admin is the owner.
  const first = ownersOf(state).length === 0 && isAdminBy(asked);
  const roles = first && !asked.includes("owner") ? ["owner", ...asked.filter((role) => role !== "admin")] : asked;
  const held = rolesIn(state, user);
  if (sameRoles(held, roles)) return [reply(answerOf(user, roles))];
  if (before !== undefined && !sameRoles(before, answerOf(user, held).roles))
    return [refuse("CHANGED_MEANWHILE", { user, now: answerOf(user, held).roles })];
  const lastOwner = ownersOf(state).length === 1 && held.includes("owner") && !roles.includes("owner");
  if (lastOwner) return [refuse("FORBIDDEN", { reason: "a cluster must have an owner" })];
  if (roles.length === 0 || held.length > 0) return change(state, { user, roles }, turn);
  const { rolePeopleMax } = limits;
  if (Object.keys(state.roles ?? {}).length >= rolePeopleMax) return [refuse("LIMIT_REACHED", { rolePeopleMax })];
  const tag: RolesTag = { type: "roles", user, roles, to: turn.replyTo };
  return [
    { type: "ask", to: `user/${user}`, message: { type: "describe" }, tag, timeoutMs: limits.adminCheckTimeoutMs },
  ];
}

/** Nobody has that name any more. The last owner's role stays with the name: it is the operator's to make another. */
function personGone(state: ClusterState, { from }: Turn): Effects {
  if (!from.startsWith("user/")) return [refuse("FORBIDDEN")];
  const user = from.slice("user/".length);
  const held = rolesIn(state, user);
  if (held.length === 0 || (held.includes("owner") && ownersOf(state).length === 1)) return [reply({})];
  return [persist({ type: "adminSet", user, admin: false, roles: [], mail: [] }), reply({})];
}

const sameRoles = (one: readonly string[], other: readonly string[]): boolean =>
  one.length === other.length && one.every((role) => other.includes(role));

/** What an older gateway waits for is `admin`. */
const answerOf = (user: string, roles: readonly string[]) => ({
  user,
  roles: roles.length > 0 ? roles : [defaultRole],
  admin: isAdminBy(roles),
});

function onAnswered(state: ClusterState, signal: Extract<Signal, { type: "answered" }>, turn: Turn): Effects {
  const tag = signal.tag as RolesTag | undefined;
  if (tag?.type !== "roles") return settle(state.outbox, signal, turn)?.effects ?? [];
  const { user, roles, to } = tag;
  const { result } = signal;
  if (!result.ok) {
    const { code, details } = result.error;
    return [refuse(code, code === "NOT_FOUND" ? { user } : details, to)];
  }
  if (sameRoles(rolesIn(state, user), roles)) return [reply(answerOf(user, roles), to)];
  return change(state, { user, roles }, turn, to);
}

function change(state: ClusterState, { user, roles }: PersonRoles, turn: Turn, to = turn.replyTo): Effects {
  if (!fits(state.outbox, 1)) return [refuse("OVERLOADED", undefined, to)];
  return [...told(state, { user, roles }, turn), reply(answerOf(user, roles), to)];
}

/** Writes down which roles somebody has now, and tells them. */
function told(state: ClusterState, { user, roles }: PersonRoles, turn: Turn): Effects {
  const admin = isAdminBy(roles);
  const message = { type: "setAdmin", admin, roles: answerOf(user, roles).roles };
  const mail: readonly Mail[] = [{ to: `user/${user}`, message }];
  return [
    persist({ type: "adminSet", user, admin, roles, mail, atMs: turn.nowMs }),
    ...dispatch(state.outbox, mail, turn.self),
  ];
}

function people(state: ClusterState, message: Extract<Incoming, { type: "people" }>): Effects {
  const { user: one, among, after = "", limit } = message;
  if (one !== undefined) return [reply({ people: [answerOf(one, rolesIn(state, one))], more: false })];
  const wanted = among && new Set(among);
  const all = [...new Set([...Object.keys(state.roles ?? {}), ...state.admins])]
    .filter((user) => user > after && wanted?.has(user) !== false)
    .toSorted();
  const shown = all.slice(0, limit ?? wireLimits.pageEntriesMax);
  const page = shown.map((user): PersonRoles => ({ user, roles: rolesIn(state, user) }));
  return [reply({ people: page, more: shown.length < all.length })];
}

/** Users and other actors have no business with the audit; the gateway asks for admins only. */
const auditEnd = "audit0";
const auditKey = (seq: number): string => `audit/${String(seq).padStart(16, "0")}`;

function audit(state: ClusterState, message: Extract<Incoming, { type: "audit" }>, turn: Turn): Effects {
  const { action, by, facts, tell } = message;
  const seq = (state.audited ?? 0) + 1;
  const entry = { seq, atMs: turn.nowMs, action, by, facts };
  const people = tell === undefined ? [] : new Set([...tell.people, ...(tell.admins ? state.admins : [])]);
  const untilMs = turn.nowMs + limits.noticeMs;
  const told = [...people].map((user): Mail => ({
    to: `user/${user}`,
    message: { type: "notify", action, facts, atMs: turn.nowMs },
    untilMs,
  }));
  // The audit has it in any case.
  const mail = fits(state.outbox, told.length) ? told : [];
  return [
    persist({ type: "audited", entry, ...(mail.length > 0 && { mail }) }),
    reply({ seq }),
    ...dispatch(state.outbox, mail, turn.self),
  ];
}

/** Tag of a page that is being read. */
interface AuditTag {
  readonly type: "auditPage";
  readonly limit: number;
  readonly to: ReplyTo | undefined;
}

/** What a page of the audit is asked by. */
interface AuditQuery {
  readonly before?: number | undefined;
  readonly limit?: number | undefined;
}

const pageEntries = ({ limit }: AuditQuery): number => limit ?? wireLimits.pageEntriesDefault;

/** The records that a page is made of, wherever there is a copy of them: one more than it shows tells whether there is
 *  more. */
export const auditRange = (query: AuditQuery) => ({
  from: "audit/",
  to: query.before === undefined ? auditEnd : auditKey(query.before),
  limit: pageEntries(query) + 1,
  reverse: true,
});

/** The page that these records make. */
export function auditPageOf(query: Pick<AuditQuery, "limit">, records: readonly ActorRecord[]): AuditPage {
  const found = records.map(({ value }) => value as AuditEntry);
  const entries = firstPage(found, pageEntries(query));
  return { entries, more: entries.length < found.length };
}

function auditPage(query: Extract<Incoming, { type: "auditPage" }>, turn: Turn): Effects {
  const tag: AuditTag = { type: "auditPage", limit: pageEntries(query), to: turn.replyTo };
  return [{ type: "read", range: auditRange(query), tag }];
}

function onRecords(tag: AuditTag | undefined, records: readonly ActorRecord[]): Effects {
  if (tag?.type !== "auditPage") return [];
  return [reply(auditPageOf(tag, records), tag.to)];
}

/** Each entry pushes out the one that is too old. */
function record(change: ClusterChange): readonly RecordOp[] {
  if (change.type !== "audited") return [];
  const { seq } = change.entry;
  const put: RecordOp = { put: auditKey(seq), value: change.entry };
  return seq > limits.auditEntriesMax ? [put, { delete: auditKey(seq - limits.auditEntriesMax) }] : [put];
}

const viewOf = ({ nodes, admins, adminsSince }: ClusterState, { nowMs }: Pick<Turn, "nowMs">): ClusterView => ({
  nodes,
  admins,
  secondAdmins: admins.filter((user) => isLongAgo(adminsSince, user, nowMs)),
  adminNeeded: admins.length === 0,
});

/** Whether somebody has been an admin for so long that nobody made them one for what they are to agree to. */
const isLongAgo = (since: ClusterState["adminsSince"] = {}, user: string, nowMs: number): boolean =>
  Object.hasOwn(since, user) &&
  !holdsAt(nowMs, (since[user] as number) + wireLimits.secondAdminMs, wireLimits.secondAdminMs);

function evolve(state: ClusterState, change: ClusterChange): ClusterState {
  switch (change.type) {
    case "nodeStarted": {
      const others = state.nodes.filter(({ node }) => node !== change.record.node);
      const adminCodeHash = state.admins.length === 0 ? (change.adminCodeHash ?? state.adminCodeHash) : null;
      return { ...state, nodes: [...bounded(others), change.record], adminCodeHash };
    }
    case "nodeStopped":
      return {
        ...state,
        nodes: state.nodes.map((record) => (record.node === change.node ? { ...record, running: false } : record)),
      };
    case "adminSet": {
      const { user, admin } = change;
      const others = state.admins.filter((other) => other !== user);
      const admins = admin ? (state.admins.includes(user) ? state.admins : [...others, user]) : others;
      const roles = change.roles ?? rolesIn({ ...state, admins }, user);
      const { [user]: _before, ...rest } = state.roles ?? {};
      const { [user]: known, ...since } = state.adminsSince ?? {};
      const sinceMs = (state.admins.includes(user) ? known : undefined) ?? change.atMs;
      return {
        ...state,
        admins,
        adminsSince: admin && sinceMs !== undefined ? { ...since, [user]: sinceMs } : since,
        roles: roles.length > 0 ? { ...rest, [user]: roles } : rest,
        adminCodeHash: null,
        outbox: enqueue(state.outbox, change.mail),
      };
    }
    case "audited":
      return { ...state, audited: change.entry.seq, outbox: enqueue(state.outbox, change.mail) };
    case "delivered":
      return { ...state, outbox: deliver(state.outbox, change.id) };
    default:
      return unreachable(change);
  }
}

/** Makes place for one more node: the one that started longest ago goes, a stopped one before a running one. */
function bounded(nodes: readonly NodeRecord[]): readonly NodeRecord[] {
  if (nodes.length < limits.nodesMax) return nodes;
  const gone = nodes.find(({ running }) => !running) ?? nodes[0];
  return nodes.filter((record) => record !== gone);
}
