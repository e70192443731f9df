/** What can be reached: a search over everything that can be asked of a gateway, from what somebody has at the start,
 *  in any number of steps.
 *
 *      a credential (session, key or control token; fresh or not; roles) ─► what it may do ─► what comes of that: further credentials ─► …
 *
 *  Whoever may do what gives something is taken to have all that can come of it. */
import {
  auditActionOf,
  beyond,
  grantsOf,
  isForKeys,
  isForTokens,
  mayDo,
  needsFresh,
  permissionOf,
  permissionsIn,
  permissions,
  roleTable,
  type ClusterRole,
  type Permission,
  type Power,
} from "../../../protocols/index.ts";
import { fields } from "../../../config/index.ts";
import type { GatewayRoute } from "../../../node/gateway/options.ts";

/** Something that shows who asks. */
export interface Credential {
  readonly kind: "session" | "key" | "control";
  readonly isFresh: boolean;
  readonly roles: readonly string[];
  readonly scopes?: readonly string[];
}

/** Something that can be asked for, all that it needs, and what comes of it. */
export interface Operation {
  readonly what: string;
  readonly needs: readonly Permission[];
  readonly power: Power;
}

/** Which guards stand before a permission. */
export interface Guard {
  readonly keys: boolean;
  readonly tokens: boolean;
  readonly fresh: boolean;
}

/** Those of the table. */
export const guardOf = (permission: Permission): Guard => ({
  keys: isForKeys(permission),
  tokens: isForTokens(permission),
  fresh: needsFresh(permission),
});

/** What every route does that says it, and every key of the configuration that does something more. What carries its
 *  own proof is none of it: nobody has that who was not given it. */
export const operationsOf = (routes: readonly GatewayRoute[]): readonly Operation[] => [
  ...routes.flatMap(({ method, path, permission, audit, proves }): Operation[] =>
    permission === undefined || proves === true
      ? []
      : [{ what: `${method} ${path}`, needs: [permission], power: auditActionOf(audit ?? "")?.power ?? "none" }],
  ),
  ...fields.flatMap(({ name, needs }): Operation[] =>
    needs === undefined
      ? []
      : [{ what: `configuration ${name}`, needs: ["config.manage", needs], power: permissionOf(needs).power }],
  ),
];

const names = Object.keys(permissions) as Permission[];
const freshMs = 600_000;

/** Searches. `own`: roles of the cluster's own; `guard`: the guards, where they are not those of the table. */
export function createSearch(at: {
  readonly operations: readonly Operation[];
  readonly own?: readonly ClusterRole[];
  readonly guard?: (permission: Permission) => Guard;
}) {
  const { operations, own = [], guard } = at;
  const base = roleTable(own);
  const tableFor = ({ kind, roles, scopes }: Credential) => {
    if (kind !== "control" || scopes === undefined) return base;
    const held = new Map(permissionsIn(scopes).map((permission) => [permission, [undefined]]));
    return new Map([...base, ...roles.map((role) => [role, held] as const)]);
  };
  const may = (by: Credential, permission: Permission): boolean => {
    const circumstances = { roles: tableFor(by), freshMs, nowMs: 0, provedAgoMs: by.isFresh ? 0 : freshMs + 1 };
    if (guard === undefined) return mayDo(by, permission, circumstances).ok;
    const { keys, tokens, fresh } = guard(permission);
    const has = grantsOf(by.roles, tableFor(by)).some((grant) => grant.permission === permission);
    return has && (by.kind !== "key" || keys) && (by.kind !== "control" || tokens) && (by.kind !== "session" || by.isFresh || !fresh); // prettier-ignore
  };
  /** All that a credential may do by itself. */
  const rightsOf = (by: Credential): ReadonlySet<Permission> => new Set(names.filter((name) => may(by, name)));
  /** What comes of an operation: an account freshly signed in, with all that whoever does it may give, or with
   *  everything. */
  const comesOf = ({ power }: Operation, by: Credential): readonly Credential[] => {
    if (power === "none" || power === "takes") return [];
    const fresh = { kind: "session", isFresh: true } as const;
    if (power === "everything") return [{ ...fresh, roles: ["owner"] }];
    const given = [...base.keys()].filter(
      (role) => beyond(by.roles, grantsOf([role], base), tableFor(by)) === undefined,
    );
    return [
      { ...fresh, roles: given },
      { ...by, ...fresh },
    ];
  };
  /** What is reached beyond the start: each permission with the first way to it. */
  function beyondStart(start: Credential): ReadonlyMap<Permission, readonly string[]> {
    const began = rightsOf(start);
    const found = new Map<Permission, readonly string[]>();
    const seen = new Set<string>();
    const queue: { readonly by: Credential; readonly way: readonly string[] }[] = [{ by: start, way: [] }];
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const { by, way } = next;
      const key = JSON.stringify(by);
      if (seen.has(key)) continue;
      seen.add(key);
      for (const one of rightsOf(by)) if (!began.has(one) && !found.has(one)) found.set(one, way);
      for (const operation of operations)
        if (operation.needs.every((one) => may(by, one)))
          for (const more of comesOf(operation, by)) queue.push({ by: more, way: [...way, operation.what] });
    }
    return found;
  }
  return { rightsOf, beyondStart };
}

/** An account that somebody is in: their own, or one of somebody else that was there before them. */
interface Held {
  readonly roles: readonly string[];
  readonly isOwn: boolean;
  /** Its word counts as that of a second admin. */
  readonly agrees: boolean;
}

/** Searches what accounts of others somebody can come into, in any number of steps, who has one account of these roles:
 *  by the operations that make a way into accounts of others, and by accounts that come of it. `mayLetInto`: for whom a
 *  way may be made; `startsAnew`: whether whoever came in by it is no second admin at once. Each finding says whose
 *  account it was and by what. */
export function searchTakeovers(at: {
  readonly operations: readonly Operation[];
  readonly waysIntoOthers: readonly string[];
  readonly mayLetInto: (into: readonly string[], by: readonly string[], table: ReturnType<typeof roleTable>) => boolean;
  readonly startsAnew: (operation: string) => boolean;
  readonly own?: readonly ClusterRole[];
}): readonly string[] {
  const { operations, own = [] } = at;
  const table = roleTable(own);
  const ways = operations.filter(({ what }) => at.waysIntoOthers.includes(what));
  const others = [...table.keys()].map((role) => [role]);
  const mayBy = (roles: readonly string[], needs: readonly Permission[]) =>
    needs.every((one) => grantsOf(roles, table).some(({ permission }) => permission === one));
  const isBelow = (roles: readonly string[], of: readonly string[]) =>
    beyond(of, grantsOf(roles, table), table) === undefined && beyond(roles, grantsOf(of, table), table) !== undefined;
  const found = new Set<string>();
  for (const roles of others) {
    const seen = new Set<string>();
    const queue: Held[] = [{ roles, isOwn: true, agrees: true }];
    for (let by = queue.shift(); by !== undefined; by = queue.shift()) {
      const key = JSON.stringify(by);
      if (seen.has(key)) continue;
      seen.add(key);
      for (const { what, needs } of ways) {
        if (!mayBy(by.roles, needs)) continue;
        for (const into of others) {
          if (!at.mayLetInto(into, by.roles, table)) continue;
          const holdsPower = beyond(["member"], grantsOf(into, table), table) !== undefined;
          if (holdsPower && !isBelow(into, roles)) found.add(`${roles.join()} comes in as ${into.join()} by ${what}`);
          const agrees = !at.startsAnew(what);
          if (agrees && mayBy(into, ["backup.approve"]))
            found.add(`${roles.join()} agrees with itself as ${into.join()} by ${what}`);
          queue.push({ roles: into, isOwn: false, agrees });
        }
      }
    }
  }
  return [...found];
}
