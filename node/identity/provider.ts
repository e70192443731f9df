/** The port of servers that say who somebody is. An adapter of each kind (`adapters.ts`) makes one of a row of the
 *  directory.
 *
 *      begin(asked) ─► url, where the browser is sent; kept, which stays in the attempt at this node
 *                           │   the person signs in there
 *                           ▼
 *      finish(back, kept) ─► claims, or why not
 *
 *  The gateway has made sure before `finish` that the browser that comes back is the one that began: it holds the
 *  secret of the attempt, and `state` is the hash of that secret. What comes back by a form of another site (POST)
 *  waits in the attempt that its `state` names, and is finished when the browser comes again by GET, with its cookie.
 *  The adapter checks all else: signature, audience, age, nonce, what it was an answer to. */
import type { IdentityProviderReport, IdentityServer, ProviderKind, Result } from "../../protocols/index.ts";

/** What a sign-in is begun with. */
interface BeginSignIn {
  /** Where the browser comes back: `https://chat.example.org/api/v1/sign-in/back/NAME`. */
  readonly back: string;
  /** Names the attempt. It comes back as `state` (or `RelayState`), unchanged. */
  readonly state: string;
  /** The server must ask the person again, even where somebody is signed in there. */
  readonly again: boolean;
}

/** Plain values that the attempt keeps: nonce, verifier, id of the request. They never leave the node. */
export type Kept = Readonly<Record<string, string | number | boolean>>;

/** What comes back. */
interface ComeBack {
  /** The whole address, with its query. */
  readonly url: URL;
  /** The fields of the form, where it came by POST. */
  readonly form?: Readonly<Record<string, string>>;
  /** The same as when it was begun. */
  readonly back: string;
  readonly state: string;
  readonly again: boolean;
}

/** Whom a server has named. All of it is what the server says: of bounded length, and checked by nobody else. */
export interface Claims {
  /** The issuer, as it was proven: never a name that came with the request alone. */
  readonly issuer: string;
  /** Never given to anybody else there. */
  readonly subject: string;
  /** What people call that: a mail address, a login. */
  readonly label?: string;
  readonly mail?: string;
  /** The server has made sure that the person reads what comes to `mail`. */
  readonly mailConfirmed?: boolean;
  /** What an account may be called. */
  readonly name?: string;
  readonly displayName?: string;
  readonly groups: readonly string[];
  /** It says that it asked for two factors, in the way that the admin trusts. */
  readonly two?: boolean;
}

/** A server of identities. Errors of its calls: IDENTITY_REFUSED (what came back is not right),
 *  IDENTITY_PROVIDER_AWAY. */
export interface IdentityProvider {
  readonly name: string;
  readonly label: string;
  readonly kind: ProviderKind;
  begin(asked: BeginSignIn): Promise<Result<{ readonly url: string; readonly kept: Kept }>>;
  finish(come: ComeBack, kept: Kept): Promise<Result<Claims>>;
  /** Where the browser is sent to sign out there; undefined: there is no such address. `back`: where it comes back
   *  to. */
  signOut?(who: { readonly subject: string; readonly back: string }): Promise<string | undefined>;
  /** What the server is given of this cluster, as a file; absent: the address to come back to is all that it needs. */
  metadata?(back: string): Promise<string>;
  /** Tries what can be tried without a person. */
  test(): Promise<Omit<IdentityProviderReport, "back">>;
}

/** What an adapter makes a provider of: the row, opened. */
export interface ProviderSettings<Server extends IdentityServer = IdentityServer> {
  readonly name: string;
  readonly label: string;
  readonly server: Server;
  readonly secret?: string | undefined;
  readonly groupClaim?: string | undefined;
  /** The cluster maps groups to roles: they are worth asking for. */
  readonly wantsGroups: boolean;
  readonly trustTwo?: { readonly amr?: readonly string[]; readonly acr?: readonly string[] } | undefined;
}

/** What adapters need of the world. */
export interface IdentityPorts {
  /** Bounded in time and size (`ask.ts`). */
  readonly fetch: typeof fetch;
  nowMs(): number;
  random(bytes: number): Uint8Array;
}

/** Makes a provider of its settings. It asks nobody yet. */
export type ProviderAdapter<Kind extends ProviderKind> = (
  settings: ProviderSettings<Extract<IdentityServer, { readonly kind: Kind }>>,
  ports: IdentityPorts,
) => IdentityProvider;
