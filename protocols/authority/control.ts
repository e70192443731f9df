/** The control endpoint on the wire: tokens that open it, and who a caller is there
 *  (docs/decisions/0087-control-endpoint.md). */
import { Type, type Static } from "typebox";
import { wireLimits as limits } from "../limits.ts";
import { keyScope, roleName } from "./roles.ts";
import { object } from "../wire/schema.ts";

/** The name of a control token: what the audit calls its user. */
export const controlTokenName = Type.String({ pattern: "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$" });

/** What a control token begins with, so that scanners of leaked secrets, and people, know what it is. */
export const controlTokenPrefix = "plxc_";

/** Whether a text has the form of one. */
export const isControlToken = (text: string): boolean => /^plxc_[A-Za-z0-9_-]{43}$/.test(text);

/** The user of a control token, as the audit names them. */
export const controlActor = (name: string): `control/${string}` => `control/${name}`;

/** What makes one: what it is for, and by what it is known. */
export const createControlToken = object({
  name: controlTokenName,
  /** Permissions, or sets of them. Either these or `role`. */
  scopes: Type.Optional(Type.Array(keyScope, { minItems: 1, maxItems: limits.keyScopesMax })),
  /** A role of the cluster: what it grants at that time, under its conditions. */
  role: Type.Optional(roleName),
  /** Known by a client certificate with this subject, `CN=ops,O=Example`, instead of a secret. */
  subject: Type.Optional(Type.String({ minLength: 3, maxLength: 512 })),
  /** Absent: until it is revoked. */
  expiresInMs: Type.Optional(Type.Integer({ minimum: 60_000, maximum: limits.controlTokenMsMax })),
});
export type CreateControlToken = Static<typeof createControlToken>;

/** A control token as admins see it: never the secret. */
export interface ControlTokenView {
  readonly name: string;
  readonly scopes?: readonly string[];
  readonly role?: string;
  /** Of the client certificate that stands for it. */
  readonly subject?: string;
  readonly createdAtMs: number;
  /** The person who made it. */
  readonly by: string;
  readonly expiresAtMs?: number;
  /** To within the hour. */
  readonly usedAtMs?: number;
}

/** Answer to `GET /api/v1/admin/control/tokens`. */
export interface ControlTokensView {
  readonly tokens: readonly ControlTokenView[];
}

/** Answer to `POST /api/v1/admin/control/tokens`: the only time that the secret is seen. Without `token` it is known by
 *  its certificate. */
export type ControlTokenMade = ControlTokenView & { readonly token?: string };

/** Answer to `GET /api/v1/admin/control/self`. */
export interface ControlSelf {
  /** As the audit says it: `operator`, `user/ada`, `control/ops`. */
  readonly by: string;
  /** What the caller may do now, from where they are; the operator everything. */
  readonly permissions: readonly string[];
}
