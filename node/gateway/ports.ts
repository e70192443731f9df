/** What the parts of the gateway know of one another, and what it is given, as interfaces: each is made by the file
 *  that its name leads to. */
import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import type {
  AuditFilter,
  DigestContent,
  Failure,
  HeldPushes,
  Permission,
  RecallBackup,
  Result,
  RoleTable,
  Subject,
} from "../../protocols/index.ts";
import type { TokenKeys } from "../cluster/facts/token-keys.ts";
import type { MailSettings } from "../cluster/facts/mail.ts";
import type { Outbound } from "../ports/index.ts";
import type { Caller } from "./identity/callers.ts";
import type { TokenClaim } from "./identity/tokens.ts";

/** The audit of all nodes, as admins fetch it. */
export interface AuditControl {
  export(
    filter: AuditFilter,
    how: { readonly format: "jsonl" | "syslog" | "cef"; readonly version: string },
  ): AsyncGenerator<string>;
  /** Signs how far the log of this node has come. */
  seal(): Promise<void>;
  /** A report of a period. */
  report(
    period: {
      readonly fromMs: number;
      readonly untilMs: number;
      readonly people: readonly { readonly user: string; readonly roles: readonly string[] }[];
      readonly peopleCut: boolean;
    },
    format: "json" | "text" | "html",
  ): Promise<string>;
}

/** Archives that were prepared. */
export interface BackupArchives {
  /** What a ticket is for, which the session has that began it; undefined: it was fetched already, or too late. */
  take(id: string, session: string | undefined): RecallBackup["query"] | undefined;
  /** Writes an archive of what a query names in the cluster's backups. Errors: NOT_FOUND, KEY_MISSING, those of the
   *  archive. */
  archive(query: RecallBackup["query"], out: (bytes: Uint8Array) => Promise<void>, signal: AbortSignal): Promise<void>;
}

/** Where the control endpoint is: `HOST:PORT`, or a socket of the file system. */
export type ControlAddress = { readonly host: string; readonly port: number } | { readonly path: string };

/** The callers that came by the control listener, and their identity. */
export interface ControlDoor {
  /** Whether a request came by it. */
  has(request: IncomingMessage): boolean;
  /** Whether it is a socket of the file system, whose requests come from this machine and have no address. */
  readonly isLocal: boolean;
  /** Lets a request pass that came by a listener of another wire, with the authority of this one: it carries these
   *  headers until its `end`. */
  pass(socket: Socket): { readonly headers: Readonly<Record<string, string>>; end(): void };
  /** Whom a control token, or a client certificate without any token, stands for. Undefined: neither was shown. Errors:
   *  UNAUTHENTICATED, DIRECTORY_AWAY. */
  caller(request: IncomingMessage): Result<Caller> | undefined;
}

/** `127.0.0.1:9464`, `[::1]:9464`. */
export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

/** Mail, as a gateway has it. */
export interface MailPort {
  readonly settings: MailSettings;
  readonly outbound: Outbound;
  /** Where links lead to; undefined: none are sent. */
  readonly publicUrl: string | undefined;
}

/** What tokens are signed and verified with. */
export interface ServiceTokenOptions {
  readonly node: string;
  readonly keys: TokenKeys;
}

/** A new token. */
interface Issued {
  readonly token: string;
  readonly expiresAtMs: number;
}

/** The tokens of this node, and of all others. */
export interface ServiceTokens {
  /** Rejects with DIRECTORY_UNAVAILABLE where the node has to make a key and cannot tell the others of it. */
  issue(
    caller: Pick<Caller, "user" | "session" | "expiresAtMs">,
    terms: {
      readonly audience?: string | undefined;
      readonly lifeMs?: number | undefined;
      readonly scopes?: readonly string[] | undefined;
    },
  ): Promise<Issued>;
  /** Of whom a token is, if it is one of this cluster and for it. Error: UNAUTHENTICATED. */
  verify(token: string): Promise<Result<TokenClaim>>;
}

/** Counts commands. */
export interface CommandRates {
  /** Counts one command of a person, and of the API key by which it comes: 0, or the wait in milliseconds. */
  take(caller: Pick<Caller, "user" | "kind" | "session">): number;
  /** Counts what is said in a room, by whomever. Error: RATE_LIMITED. */
  said(to: string, type: string): Result<undefined> | undefined;
  /** What became of something that `said` let pass. What was refused was not said: strangers use up nothing of a
   *  room. */
  settled(to: string, type: string, result: Result<unknown>): void;
}

/** Says who may do what here. */
export interface Rights {
  /** Why not; undefined: the caller may. Errors: FORBIDDEN, SIGN_IN_AGAIN. */
  refusal(caller: RightsOf, permission: Permission, address: string | undefined): Failure | undefined;
  /** What each role grants now; for a control token, what it is for stands there as a role of its name. */
  table(caller?: RightsOf | null): RoleTable;
}

/** As much of a caller as rights depend on. */
export type RightsOf = Subject & Pick<Caller, "provedAgoMs" | "proofUntold" | "askedAtMs">;

/** A browser, and how it is reached. */
export type HeldPush = HeldPushes["pushes"][number];

/** What a push service is given. */
interface Sealed {
  readonly body: Uint8Array;
  readonly headers: Readonly<Record<string, string>>;
}

/** What web push needs of the node. */
export interface PushPort {
  /** Whether this node sends any. */
  isOn(): boolean;
  /** The key that browsers are given; made when it is first asked for. Rejects while the directory is away. */
  publicKey(): Promise<string>;
  /** Encrypts for a browser. Undefined: its keys are none. */
  seal(text: string, to: Pick<HeldPush, "endpoint" | "p256dh" | "auth">): Promise<Sealed | undefined>;
  /** Posts to an address of the internet. Rejects where there is no answer. */
  post(url: string, sealed: Sealed): Promise<{ readonly status: number; readonly retryAfter?: string }>;
  /** Calls back with each account with such browsers that comes up here, those that have come up before included. */
  follow(listener: (user: string) => void): () => void;
  /** Whether this node has the account now. */
  has(user: string): boolean;
  /** Calls back when accounts may have moved. */
  onMoved(listener: () => void): () => void;
}

/** What mail to people who were away needs of the node. */
export interface DigestPort {
  /** What such mail may say at the most; `off`: none is sent. */
  allowed(): DigestContent | "off";
  /** Whose mail a link ends. Error: LINK_INVALID. */
  userOf(token: string): Promise<Result<string>>;
  /** Sends from now on, until the function that it gives is called. `isActive`: whether somebody uses a client. */
  begin(isActive: (user: string) => boolean): () => void;
}
