/** Servers of identities as every node knows them: rows of the directory, and how admins change them. They lie below
 *  the prefix of keys, which only managers and chat nodes change: a node that writes one can become the people who sign
 *  in by it. */
import { Type } from "typebox";
import { checkOf } from "../../../protocols/wire/check.ts";
import { setIdentityProvider, type SetIdentityProvider } from "../../../protocols/index.ts";
import type { Directory, DirectoryRow } from "../../ports/index.ts";
import { watchNamedRows, type NamedRows } from "./named-rows.ts";

const prefix = "keys/identity-provider/";
/** Servers of identities of a cluster. */
const identityProvidersMax = 32;

/** A row. */
export interface IdentityProviderRow extends Omit<SetIdentityProvider, "secret"> {
  readonly name: string;
  /** The client secret, sealed for this name. */
  readonly sealed?: string;
  /** Roles of the admin who set it; absent: the operator did. */
  readonly within?: readonly string[];
  /** The admin who set it. Absent: the operator, or an older version, which does not say. */
  readonly by?: string;
}

/** The servers of the cluster. */
export type IdentityProviders = NamedRows<IdentityProviderRow>;

const { secret: _secret, ...properties } = setIdentityProvider.properties;
// Open: a later version may add fields.
const isRow = checkOf(
  Type.Object({
    ...properties,
    name: Type.String({ maxLength: 64 }),
    sealed: Type.Optional(Type.String({ maxLength: 4_096 })),
    within: Type.Optional(Type.Array(Type.String({ maxLength: 64 }), { maxItems: 64 })),
    by: Type.Optional(Type.String({ maxLength: 64 })),
  }),
);
const read = ({ key, value }: DirectoryRow): IdentityProviderRow | undefined => {
  const row = isRow.Check(value) ? (value as IdentityProviderRow) : undefined;
  return row !== undefined && key === `${prefix}${row.name}` ? row : undefined;
};

/** Begins to watch the rows. */
export const watchIdentityProviders = (directory: Directory): IdentityProviders =>
  watchNamedRows(directory, { one: "provider", prefix, read, limit: { identityProvidersMax } });
