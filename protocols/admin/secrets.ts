/** Secrets of the cluster by their names, as admins see and set them (docs/decisions/0094-named-secrets.md). */
import { Type, type Static } from "typebox";
import { object, position } from "../wire/schema.ts";

/** What a secret may be called. */
export const secretName = Type.String({
  pattern: "^[a-z0-9][a-z0-9-]{0,31}$",
  description: "lower-case letters, digits and -",
});
const refersTo = /^secret:([a-z0-9][a-z0-9-]{0,31})$/;
/** The name in `secret:NAME`. Undefined: the text is none. */
export const secretReference = (text: string): string | undefined => refersTo.exec(text)?.[1];

/** Where a secret may be sent: a host, or a host and a port. */
const destination = Type.String({
  pattern: "^(\\[[0-9a-f:.]{2,45}\\]|[a-z0-9]([a-z0-9._-]{0,251}[a-z0-9])?)(:\\d{1,5})?$",
  description: "a host, with a port or without, like api.example.org or smtp.example.org:587",
});
/** A secret: what stands in one header or one line. */
const value = Type.String({ minLength: 1, maxLength: 4_096, pattern: "^[^\\x00-\\x1f\\x7f]+$" });

/** `PUT /admin/secrets/:secret`. */
export const setSecret = object({
  value,
  for: Type.Array(destination, { minItems: 1, maxItems: 8, uniqueItems: true }),
  note: Type.Optional(Type.String({ maxLength: 128, pattern: "^[^\\x00-\\x1f\\x7f]*$" })),
});
export type SetSecret = Static<typeof setSecret>;
/** Body of the route. `seen`: how often the writer has seen it set, 0 where there was none. Where it is another
 *  number by now, nothing is set: CHANGED_MEANWHILE. */
export const setSecretBody = object({ ...setSecret.properties, seen: Type.Optional(position) });
/** `POST /admin/secrets/:secret/rotate`: another value, for the same places. */
export const rotateSecret = object({ value });
/** `POST /admin/secrets/:secret/adopt`: what a setting has kept by itself becomes a secret with a name. */
export const adoptSecret = object({
  from: Type.String({ pattern: "^(mail|identity-provider/[a-z0-9-]{1,32}|audit-sink/[a-z0-9-]{1,32})$" }),
});
export const secretParams = object({ secret: secretName });

/** A secret, without it. */
export interface SecretView {
  readonly name: string;
  readonly for: readonly string[];
  readonly note?: string;
  /** How often it was set. */
  readonly version: number;
  readonly by: string;
  readonly atMs: number;
  /** What refers to it: `mail`, `endpoint/openai`. */
  readonly usedBy: readonly string[];
}

/** `GET /admin/secrets`. */
export interface SecretsView {
  readonly secrets: readonly SecretView[];
  /** Settings that keep a secret by themselves, as all did before secrets had names. */
  readonly own: readonly string[];
}

/** Whether a secret may be sent to a host, which is said with its port. */
export const mayBeSentTo = (allowed: readonly string[], host: string, port: number): boolean =>
  allowed.includes(host.toLowerCase()) || allowed.includes(`${host.toLowerCase()}:${port}`);
