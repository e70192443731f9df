/** Where a request of the terminal goes, and how. */
import type { Result } from "../../protocols/errors.ts";

/** Which node to speak to, and as whom. */
export interface Target {
  readonly url: string;
  readonly token?: string;
  /** Authorities that its certificate may be of, beside those that the machine knows. PEM. */
  readonly ca?: string;
  /** The certificate by which one is known there, and its key. PEM. */
  readonly cert?: string;
  readonly key?: string;
  /** It is on this machine: whose its certificate is, is not checked. */
  readonly isLocal?: boolean;
  /** How long one answer may take, where that is not the usual time. */
  readonly timeoutMs?: number;
  /** What else is said with it. */
  readonly headers?: Readonly<Record<string, string>>;
  /** It is asked for something, and changes nothing, whatever the method. */
  readonly reads?: boolean;
  /** What a request that changes something is called: under the same name it is done once, where its operation can. */
  readonly operation?: string;
  /** Gives the password of the session again, where the node asks for it. Absent: nobody can. */
  readonly confirm?: () => Promise<Result<unknown>>;
}

/** What a request does. */
export type Method = "GET" | "POST" | "PUT" | "DELETE";
