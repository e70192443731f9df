/** The role-manager, one for the cluster (`role-manager/cluster`): which nodes there are and what they may do, who
 *  administers the cluster, and what was done to it.
 *
 *  The first admin is whoever knows the code that a node printed when it started. Only the code's hash arrives here, and
 *  only while there is no admin. A user who became or ceased to be admin is told through the outbox.
 *
 *  What was done to the cluster is written down here, in records of which the newest are kept. It is a memory, not a switch:
 *  what holds now are rows of the directory, which the planner must be able to read when this actor is on a node that died.
 *  docs/decisions/0010-placement.md says more. */
import {
  unreachable,
  wireLimits,
  roleManagerCommands,
  type CommandOf,
  type AuditEntry,
  type AuditPage,
  type ClusterView,
  type NodeRecord,
} from "../../protocols/index.ts";
import { acceptsOf, refuseSource } from "../accepts.ts";
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
import { leapOutbox } from "../leap.ts";
import { actorLimits as limits } from "../limits.ts";
import {
  deliver,
  dispatch,
  emptyOutbox,
  enqueue,
  fits,
  outboxReminder,
  recoverOutbox,
  remindOutbox,
  settle,
  type Delivered,
  type Mail,
  type Outbox,
} from "../outbox.ts";
import { firstPage } from "../page.ts";

/** What the cluster remembers of itself. */
export interface ClusterState {
  readonly outbox: Outbox;
  readonly nodes: readonly NodeRecord[];
  readonly admins: readonly string[];
  /** Hash of the code that makes the first admin; null when there is none, or an admin already. */
  readonly adminCodeHash: string | null;
  /** Entries of the audit that were ever written. Absent in a state from before there was one. */
  readonly audited?: number;
}

/** What is persisted. */
export type ClusterChange =
  | { readonly type: "nodeStarted"; readonly record: NodeRecord; readonly adminCodeHash: string | null }
  | { readonly type: "nodeStopped"; readonly node: string }
  | { readonly type: "adminSet"; readonly user: string; readonly admin: boolean; readonly mail: readonly Mail[] }
  | { readonly type: "audited"; readonly entry: AuditEntry; readonly mail?: readonly Mail[] }
  | Delivered;

type Incoming = CommandOf<typeof roleManagerCommands>;
type Effects = readonly Effect<ClusterChange, never>[];

const initial: ClusterState = { outbox: emptyOutbox, nodes: [], admins: [], adminCodeHash: null };

/** The behavior of the role-manager. */
export const roleManager: Behavior<ClusterState, Incoming, ClusterChange> = {
  kind: "role-manager",
  role: "manager",
  accepts: acceptsOf(roleManagerCommands),
  initial: () => initial,
  decide,
  evolve,
  record,
  recover: (state, turn) => recoverOutbox(state.outbox, turn.self),
  pending: (state) => state.outbox.entries.length > 0,
  // Its nodes are gone; those that come say so themselves.
  restored: (state) => ({ ...state, nodes: [], adminCodeHash: null, outbox: leapOutbox(state.outbox) }),
};

function decide(state: ClusterState, message: Incoming | Signal, turn: Turn): Effects {
  const refusal = refuseSource(roleManagerCommands, message, turn.from);
  if (refusal !== undefined) return refusal;
  switch (message.type) {
    case "answered":
      return onAnswered(state, message, turn);
    case "reminded":
      return message.id === outboxReminder
        ? remindOutbox(state.outbox, turn.self)
        : [{ type: "forget", id: message.id }];
    case "records":
      return onRecords(message.tag as AuditTag | undefined, message.records);
    case "part":
      return [];
    case "nodeStarted":
      return nodeStarted(state, message, turn);
    case "nodeStopped":
      return nodeStopped(state, message.node);
    case "claimAdmin":
      return claimAdmin(state, message, turn);
    case "setAdmin":
      return setAdmin(state, message, turn);
    case "describe":
      return [reply(viewOf(state))];
    case "audit":
      return audit(state, message, turn);
    case "auditPage":
      return auditPage(message, turn);
    default:
      return [refuse("BAD_REQUEST", { type: (message as { type: string }).type })];
  }
}

function nodeStarted(
  state: ClusterState,
  { node, roles, models, labels, adminCodeHash }: Extract<Incoming, { type: "nodeStarted" }>,
  turn: Turn,
): Effects {
  const record: NodeRecord = { node, roles, models, labels, startedAtMs: turn.nowMs, running: true };
  const change: ClusterChange = { type: "nodeStarted", record, adminCodeHash: adminCodeHash ?? null };
  return [persist(change), reply(viewOf(evolve(state, change)))];
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
  return change(state, user, true, turn);
}

/** Tag of the question whether the user that is to be an admin exists. */
interface AdminTag {
  readonly type: "admin";
  readonly user: string;
  readonly to: ReplyTo | undefined;
}

/** A cluster keeps at least one admin, and names nobody who is not there: whoever signed up by that name later would be
 *  an admin. Errors: NOT_FOUND, FORBIDDEN. */
function setAdmin(state: ClusterState, { user, admin }: Extract<Incoming, { type: "setAdmin" }>, turn: Turn): Effects {
  if (state.admins.includes(user) === admin) return [reply({ admin })];
  if (!admin && state.admins.length === 1) return [refuse("FORBIDDEN", { reason: "a cluster has an admin" })];
  if (!admin) return change(state, user, admin, turn);
  const tag: AdminTag = { type: "admin", user, to: turn.replyTo };
  return [
    { type: "ask", to: `user/${user}`, message: { type: "describe" }, tag, timeoutMs: limits.adminCheckTimeoutMs },
  ];
}

function onAnswered(state: ClusterState, signal: Extract<Signal, { type: "answered" }>, turn: Turn): Effects {
  const tag = signal.tag as AdminTag | undefined;
  if (tag?.type !== "admin") return settle(state.outbox, signal, turn)?.effects ?? [];
  const { user, to } = tag;
  const { result } = signal;
  if (!result.ok) {
    const { code, details } = result.error;
    return [refuse(code, code === "NOT_FOUND" ? { user } : details, to)];
  }
  if (state.admins.includes(user)) return [reply({ admin: true }, to)];
  return change(state, user, true, turn, to);
}

function change(state: ClusterState, user: string, admin: boolean, turn: Turn, to = turn.replyTo): Effects {
  const mail: readonly Mail[] = [{ to: `user/${user}`, message: { type: "setAdmin", admin } }];
  if (!fits(state.outbox, mail.length)) return [refuse("OVERLOADED", undefined, to)];
  return [
    persist({ type: "adminSet", user, admin, mail }),
    reply({ admin }, to),
    ...dispatch(state.outbox, mail, turn.self),
  ];
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
export interface AuditQuery {
  readonly before?: number | undefined;
  readonly limit?: number | undefined;
}

const pageEntries = ({ limit }: AuditQuery): number => limit ?? wireLimits.pageEntriesDefault;

/** The records that a page is made of, wherever there is a copy of them: one more than it shows tells whether there is more. */
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

function viewOf(state: ClusterState): ClusterView {
  return { nodes: state.nodes, admins: state.admins, adminNeeded: state.admins.length === 0 };
}

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
      const others = state.admins.filter((user) => user !== change.user);
      return {
        ...state,
        admins: change.admin ? [...others, change.user] : others,
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
