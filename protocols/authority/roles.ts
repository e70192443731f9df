/** Roles of the cluster as they are set, kept and shown (docs/decisions/0074-roles-and-conditions.md); `authority.ts`
 *  decides by them. */
import { Type, type Static } from "typebox";
import { wireLimits as limits } from "../limits.ts";
import { line, object, seenOf } from "../wire/schema.ts";

/** The name of a role of the cluster. */
export const roleName = Type.String({ pattern: "^[a-z][a-z0-9-]{0,31}$" });
const timeOfDay = Type.String({ pattern: "^(?:[01][0-9]|2[0-3]):[0-5][0-9]$" });

/** When a grant holds. All that is named must hold. */
export const grantWhen = object({
  /** The session proved who it is no longer ago. */
  provedWithinMinutes: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_440 })),
  /** The request comes from one of these addresses or ranges: `10.0.0.0/8`. */
  addresses: Type.Optional(Type.Array(Type.String({ minLength: 2, maxLength: 64 }), { minItems: 1, maxItems: 64 })),
  /** UTC. `from` after `to` spans midnight; the day is that of the moment. 1 is Monday. */
  hours: Type.Optional(
    object({
      from: timeOfDay,
      to: timeOfDay,
      days: Type.Optional(Type.Array(Type.Integer({ minimum: 1, maximum: 7 }), { minItems: 1, maxItems: 7 })),
    }),
  ),
  /** The node that is asked has these labels. */
  labels: Type.Optional(
    Type.Record(Type.String({ maxLength: 64 }), Type.String({ maxLength: 64 }), { maxProperties: 8 }),
  ),
});
export type GrantWhen = Static<typeof grantWhen>;

/** One permission of a role. */
export const grant = object({
  /** Those of later versions are kept; here they grant nothing. */
  permission: Type.String({ minLength: 1, maxLength: 64 }),
  when: Type.Optional(grantWhen),
});
export type Grant = Static<typeof grant>;

/** What sets a role. */
export const setRole = object({
  grants: Type.Array(grant, { maxItems: limits.roleGrantsMax }),
  note: Type.Optional(line(limits.titleCharsMax)),
  seen: seenOf(
    object({
      grants: Type.Array(grant, { maxItems: limits.roleGrantsMax }),
      /** Empty: it had none. Absent: an older client does not say. */
      note: Type.Optional(line(limits.titleCharsMax, 0)),
    }),
  ),
});

/** A role of the cluster. */
export interface ClusterRole {
  readonly name: string;
  readonly grants: readonly Grant[];
  readonly note?: string;
}

/** Answer to `GET /api/v1/admin/roles`. */
export interface RolesView {
  readonly roles: readonly (ClusterRole & { readonly builtIn: boolean; readonly fixed: boolean })[];
}

/** Answer to `GET /api/v1/me/permissions`. */
export interface OwnRights {
  /** What the caller may do now, from where they are. */
  readonly permissions: readonly string[];
  /** What they may do once they have proven again who they are. */
  readonly again: readonly string[];
}

/** One scope of a key: a permission, or the name of a set. */
export const keyScope = Type.String({ minLength: 1, maxLength: 64 });
