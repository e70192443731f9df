/** Servers that say who somebody is: as admins set them, as they are shown, and what they say. How one is asked is
 *  `node/identity`. */
import { Type, type Static } from "typebox";
import { wireLimits as limits } from "../limits.ts";
import type { Registration } from "./registration.ts";
import { roleName } from "./roles.ts";
import { line, object } from "../wire/schema.ts";

/** The sorts of servers; `node/identity` has an adapter for each. */
export const providerKinds = ["oidc", "github", "saml"] as const;
export type ProviderKind = (typeof providerKinds)[number];

/** It is part of the address that a server sends people back to. */
export const providerName = Type.String({
  pattern: "^[a-z0-9][a-z0-9-]{0,31}$",
  description: "Lower-case letters, digits and -; it is part of the address to which people come back",
});

const url = Type.String({ minLength: 1, maxLength: 512, pattern: "^https?://[^\\s#?]+$" });
const words = (maxItems: number) => Type.Array(line(256), { maxItems, uniqueItems: true });

/** OpenID Connect: all else is discovered. */
const oidcServer = object({
  kind: Type.Literal("oidc"),
  /** As the server calls itself: `https://accounts.google.com`. */
  issuer: url,
  clientId: line(256),
  /** Beside `openid`. Absent: `profile email`. */
  scopes: Type.Optional(words(16)),
});

/** GitHub, or a GitHub Enterprise server. */
const githubServer = object({
  kind: Type.Literal("github"),
  /** Absent: `https://github.com`. Another one is a GitHub Enterprise server. */
  issuer: Type.Optional(url),
  clientId: line(256),
});

/** SAML 2.0. */
const samlServer = object({
  kind: Type.Literal("saml"),
  /** The entity id of the server. */
  issuer: line(512),
  /** The entity id of this cluster there. */
  clientId: line(256),
  /** Where people are sent with a request. */
  entryPoint: url,
  /** What it signs with, as PEM. Two while it changes. */
  certificates: Type.Array(Type.String({ minLength: 1, maxLength: 8_192 }), { minItems: 1, maxItems: 4 }),
  /** Where people are sent to sign out there. */
  logoutUrl: Type.Optional(url),
  /** What the server calls these attributes. Absent: the usual names are tried. */
  mailAttribute: Type.Optional(line(256)),
  nameAttribute: Type.Optional(line(256)),
  displayNameAttribute: Type.Optional(line(256)),
  /** The directory behind the server gives people their mail addresses, and they cannot choose them: they count as
   *  confirmed. */
  trustMail: Type.Optional(Type.Boolean()),
});

/** A server as an admin sets it. */
export const setIdentityProvider = object({
  server: Type.Union([oidcServer, githubServer, samlServer]),
  /** What the button says: “Sign in with …”. */
  label: line(40),
  /** Write-only: the client secret. Absent: the one of before stays. */
  secret: Type.Optional(Type.String({ minLength: 1, maxLength: 1_024 })),
  /** Whose accounts are made. `create`: of everybody whom the server names; `invitation`: of people with an invitation;
   *  `link-only`: nobody's. */
  registration: Type.Union([Type.Literal("create"), Type.Literal("invitation"), Type.Literal("link-only")]),
  /** With `create`: only people with a confirmed mail address of these domains. */
  mailDomains: Type.Optional(words(32)),
  /** What the server says groups in: `groups`, `realm_access.roles`. Absent: it says none. */
  groupClaim: Type.Optional(line(128)),
  /** Roles of the cluster by groups of the server, given and taken with each sign-in. */
  roles: Type.Optional(Type.Array(object({ group: line(256), role: roleName }), { maxItems: limits.providerRolesMax })),
  /** By what the server says that it asked for two factors: any of these methods (`amr`), or one of these classes
   *  (`acr`). Absent: never. */
  trustTwo: Type.Optional(object({ amr: Type.Optional(words(16)), acr: Type.Optional(words(16)) })),
  /** A person who signs out here does so there. Absent: no. */
  signOut: Type.Optional(Type.Boolean()),
});
export type SetIdentityProvider = Static<typeof setIdentityProvider>;
export type IdentityServer = SetIdentityProvider["server"];

/** Of one kind. */
export type ServerOf<Kind extends ProviderKind> = Extract<IdentityServer, { readonly kind: Kind }>;

/** A server as admins see it. */
export interface IdentityProviderView extends Omit<SetIdentityProvider, "secret"> {
  readonly name: string;
  /** A secret is kept. */
  readonly hasSecret: boolean;
  /** Roles of the admin who set it: people who may do more do not come in by it. Absent: the operator did. */
  readonly within?: readonly string[];
  /** The admin who set it. Absent: the operator, or an older version. */
  readonly by?: string;
}

/** An identity that a browser has proven and that waits for a yes: to be linked, or to confirm who the caller is. */
export interface ProvenIdentity {
  readonly purpose: "confirm" | "link";
  readonly provider: string;
  readonly issuer: string;
  /** What people call it, such as a mail address. */
  readonly label?: string;
}

/** What a person who signs in sees of a server. */
export interface SignInChoice {
  readonly name: string;
  readonly label: string;
  readonly kind: ProviderKind;
}

/** What a test of a server found. */
export interface IdentityProviderReport {
  readonly ok: boolean;
  /** What was found, or what is wrong, line by line. */
  readonly found: readonly { readonly what: string; readonly says: string; readonly ok: boolean }[];
  /** The address to enter at the server. */
  readonly back: string;
}

/** All of a server by which its word counts: another one, or one with another key, may say something else of the same
 *  people. What is hashed of it stands in the link of an account. */
export const vouchedOf = ({ server, trustTwo }: Pick<SetIdentityProvider, "server" | "trustTwo">): string =>
  JSON.stringify([
    server.kind,
    server.issuer ?? "",
    server.clientId,
    server.kind === "saml" ? server.certificates.toSorted() : [],
    [...(trustTwo?.amr ?? [])].toSorted(),
    [...(trustTwo?.acr ?? [])].toSorted(),
  ]);

/** How the people of a server come to have accounts, as a rule for `registrationState`. Nobody, where the cluster is
 *  closed. */
export function registrationBy(
  cluster: Registration,
  { registration, mailDomains = [] }: Pick<SetIdentityProvider, "registration" | "mailDomains">,
): Registration {
  if (cluster.rule === "closed" || registration === "link-only") return { rule: "closed", domains: [] };
  if (registration === "invitation") return { rule: "invitation", domains: [] };
  return { rule: mailDomains.length === 0 ? "open" : "domain", domains: mailDomains.map((one) => one.toLowerCase()) };
}

/** The roles of somebody who signs in by a server: those that its map names are as the groups say, and others stay as
 *  they are. */
export function mappedRoles(
  current: readonly string[],
  map: NonNullable<SetIdentityProvider["roles"]>,
  groups: readonly string[],
): readonly string[] {
  const named = new Set(map.map(({ role }) => role));
  const given = map.filter(({ group }) => groups.includes(group)).map(({ role }) => role);
  return [...new Set([...current.filter((role) => !named.has(role)), ...given])].slice(0, limits.rolesPerUserMax);
}

/** Names that somebody's account could have, the best first: of what the server calls them. */
export function accountNames(said: readonly (string | undefined)[]): readonly string[] {
  const plain = said.flatMap((one) => {
    const text = (one ?? "").split("@", 1)[0] ?? "";
    const name = text
      .normalize("NFKD")
      .toLowerCase()
      .replace(/[^a-z0-9_-]+/g, "-")
      .replace(/^[^a-z0-9]+|-+$/g, "")
      .slice(0, 28);
    return name === "" ? [] : [name];
  });
  return [...new Set(plain)];
}

/** Whether an address may be asked: with TLS, or on this machine. */
export function isSafeServer(address: string): boolean {
  if (!URL.canParse(address)) return false;
  const { protocol, hostname } = new URL(address);
  const isHere = hostname === "localhost" || hostname === "[::1]" || /^127\.\d+\.\d+\.\d+$/.test(hostname);
  return protocol === "https:" || (protocol === "http:" && isHere);
}
