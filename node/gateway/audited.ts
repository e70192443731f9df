/** What admins do leaves an entry in the audit, and a line in the log of the node that was asked: `audit.cluster` with
 *  `action`, `by`, `address`, `outcome`. A caller who is no admin is turned away before (`http.ts`), and leaves the
 *  same. */
import type { FastifyRequest } from "fastify";
import {
  assert,
  auditActionOf,
  auditDone,
  changeFacts,
  changesSomething,
  grantsOf,
  needsFresh,
  permissions,
  type AuditAction,
  type AuditEvent,
  type AuditFacts,
  type Permission,
  type Result,
} from "../../protocols/index.ts";
import { hasPower, idsOf } from "./edge/http.ts";
import type { GatewayContext } from "./options.ts";
import { demand } from "./edge/refusals.ts";
import { isOperator, shownBy } from "./identity/rights.ts";

/** Who asks where no account is known: the operator, or a stranger. */
export const withoutAccount = (request: FastifyRequest): "operator" | "stranger" =>
  isOperator(request) ? "operator" : "stranger";

/** What the caller is called: an account, a control token, `operator`, `stranger`. */
export const whoIs = (request: FastifyRequest): string => request.caller?.user ?? withoutAccount(request);

/** The caller of a request that gives or takes, as actors hear it: the name, and what the caller has shown. */
export const askedBy = (at: Pick<GatewayContext, "clock">, request: FastifyRequest) => ({
  by: whoIs(request),
  ...shownBy(at, request),
});

/** The caller, as the audit says it: what an entry needs of a request whose caller is known. */
export function auditBy(request: FastifyRequest): Pick<AuditEvent, "by" | "session" | "address"> {
  const { caller, address } = request;
  return caller === null
    ? { by: withoutAccount(request), address }
    : { by: caller.actor, session: caller.session, address };
}

/** A route that changes the cluster, what the audit calls that, and who may do it. */
export const audits = (action: AuditAction, permission: Permission = "cluster.administer") =>
  ({ access: "admin", audit: action, permission }) as const;

/** Facts that say what was done to what, the most telling first. */
const targets = [
  "user",
  "role",
  "node",
  "alert",
  "rule",
  "playbook",
  "detector",
  "actor",
  "slot",
  "model",
  "endpoint",
  "budget",
  "quota",
  "route",
  "stripe",
  "tenant",
  "kit",
  "sink",
  "list",
  "group",
  "emoji",
  "schedule",
  "hold",
  "provider",
  "secret",
  "room",
];

/** Facts as the audit keeps them: what is nested gets names with a dot. */
export function plainFacts(facts: Readonly<Record<string, unknown>>): AuditFacts {
  const plain: Record<string, string | number | boolean> = {};
  for (const [name, fact] of Object.entries(facts))
    if (typeof fact === "string" || typeof fact === "number" || typeof fact === "boolean") plain[name] = fact;
    else if (Array.isArray(fact) && fact.every((one) => typeof one !== "object"))
      plain[name] = fact.map(String).join(",");
    else if (typeof fact === "object" && fact !== null)
      for (const [inner, value] of Object.entries(plainFacts(fact as Record<string, unknown>)))
        plain[`${name}.${inner}`] = value;
  return plain;
}

/** What a change did, as facts: what differs, `before.` and `after.` it. */
export const changeOf = (before: object | undefined, after: object | undefined): AuditFacts =>
  changeFacts(
    before && plainFacts(before as Record<string, unknown>),
    after && plainFacts(after as Record<string, unknown>),
  );

function targetOf(facts: AuditFacts): string | undefined {
  const name = targets.find((one) => typeof facts[one] === "string");
  return name === undefined ? undefined : name === "actor" ? String(facts[name]) : `${name}/${String(facts[name])}`;
}

/** Has the cluster remember what has power, and tell all its admins: who did what to what. */
function tellAdmins(
  at: Pick<GatewayContext, "changed">,
  request: FastifyRequest,
  action: AuditAction,
  facts: AuditFacts,
): void {
  const told = Object.entries(facts)
    .filter(([name]) => name.length <= 32 && !/^(?:before|after)\./.test(name) && name !== "action")
    .slice(0, toldFactsMax)
    .map(([name, fact]) => [name, String(fact).slice(0, 256)] as const);
  const { caller } = request;
  // A page need not tell its person what they have just done there themselves.
  const session = caller?.kind === "session" ? { session: caller.session } : {};
  at.changed?.(action, { ...Object.fromEntries(told), ...session }, whoIs(request), { people: [], admins: true });
}

/** The same context for what is remembered, and told, in another way: by the cluster's control, or with more people. */
export const quietly = ({
  log,
  audit,
}: Pick<GatewayContext, "log" | "audit">): Pick<GatewayContext, "log" | "audit"> => ({ log, ...(audit && { audit }) });

/** As many facts as a notice has. */
const toldFactsMax = 12;

/** Whether a way into somebody's account is one to power: some role of theirs grants more than what is for
 *  everybody. */
const isPowerful = (at: Pick<GatewayContext, "rights">, roles: readonly string[]): boolean =>
  grantsOf(roles, at.rights.table()).some(
    ({ permission }) =>
      Object.hasOwn(permissions, permission) && permission !== "account.secure" && needsFresh(permission as Permission),
  );

/** Writes that somebody did something with an account, or tried to: who it is by is proven where it was done, or where
 *  the request is signed in. What was done is waited for; a refusal is not. */
export async function noteAccount(
  at: Pick<GatewayContext, "log" | "audit" | "changed" | "rights">,
  request: FastifyRequest,
  action: AuditAction,
  user: string,
  outcome: string = auditDone,
): Promise<void> {
  at.log.info("audit.account", { ...idsOf(request), action, by: `user/${user}`, address: request.address, outcome });
  const isDone = outcome === auditDone;
  const person = `user/${user}`;
  const by =
    request.caller !== null
      ? auditBy(request)
      : isDone
        ? { by: person, address: request.address }
        : { by: "stranger", target: person, address: request.address };
  const written = at.audit?.write({ action, ...by, outcome });
  if (!isDone) return void written?.catch(() => undefined);
  await written;
  request.isNoted = true;
  if (request.caller !== null && hasPower(request) && isPowerful(at, request.caller.roles))
    tellAdmins(at, request, action, { user });
}

/** Somebody has become the first owner, by the code that the node printed. */
export const noteOwner = (
  at: Pick<GatewayContext, "audit">,
  { address }: FastifyRequest,
  user: string,
): Promise<void> | undefined =>
  at.audit?.write({
    action: "setRoles",
    by: `user/${user}`,
    address,
    target: `user/${user}`,
    outcome: auditDone,
    facts: { "before.roles": "", "after.roles": "owner", reason: "admin code" },
  });

/** Commands to the own account by any wire, and what the audit calls them. */
const commandActions: Readonly<Record<string, AuditAction>> = { revokeSession: "revokeSession" };

/** Writes that a person changed the own account by a command. */
export function noteCommand(
  at: Pick<GatewayContext, "audit">,
  by: { readonly caller: { readonly actor: string; readonly session: string }; readonly address?: string },
  type: string,
  result: Result<unknown>,
): Promise<void> | undefined {
  const action = Object.hasOwn(commandActions, type) ? commandActions[type] : undefined;
  if (action === undefined) return undefined;
  const outcome = result.ok ? auditDone : result.error.code;
  const { caller, address } = by;
  const written = at.audit?.write({
    action,
    by: caller.actor,
    session: caller.session,
    ...(address !== undefined && { address }),
    outcome,
  });
  if (result.ok) return written;
  void written?.catch(() => undefined);
  return undefined;
}

/** Waits for what is done, writes the entry, and answers with the value or the refusal. What was done is on this node's
 *  disk before anybody is told so. Where what is done depends on the body, the facts name the action. */
export async function audited<T>(
  at: Pick<GatewayContext, "log" | "audit" | "changed">,
  request: FastifyRequest,
  facts: Readonly<Record<string, unknown>>,
  done: Promise<Result<T>>,
  /** What is known only when it is done: what differs from before. Actions that change something that stays say it
   *  (`auditActions`). */
  change?: (value: T) => AuditFacts,
): Promise<T> {
  const result = await done;
  const { audit: action } = request.routeOptions.config;
  assert(change !== undefined || action === undefined || !changesSomething(action), `${action} says before and after`);
  const outcome = result.ok ? auditDone : result.error.code;
  at.log.info("audit.cluster", {
    ...idsOf(request),
    action,
    by: auditBy(request).by,
    address: request.address,
    ...facts,
    outcome,
  });
  const plain = plainFacts(result.ok ? { ...facts, ...change?.(result.value) } : facts);
  const target = targetOf(plain);
  const named = typeof plain["action"] === "string" ? (plain["action"] as AuditAction) : action;
  if (named !== undefined) {
    const entry = {
      action: named,
      ...auditBy(request),
      ...(target !== undefined && { target }),
      outcome,
      facts: plain,
    };
    const written = at.audit?.write(entry);
    if (result.ok) {
      await written;
      request.isNoted = true;
      if (auditActionOf(named)?.power !== "none") tellAdmins(at, request, named, plain);
    }
  }
  return demand(result);
}
