/** Where a model's server is, and the key for it. */
import { closeSync, fstatSync, openSync, readFileSync } from "node:fs";
import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import { failure, PlexusError } from "../../protocols/errors.ts";
import { isPrivateAddress } from "../../protocols/admin/nodes.ts";
import { remoteLimits } from "./limits.ts";

/** A model on another server. */
export interface Endpoint {
  readonly url: string;
  /** What the server calls the model. */
  readonly model: string;
  /** Whether the server is to fetch a model that it lacks. */
  readonly pull?: boolean | undefined;
  /** Where the key is. The key is read by the thread that calls, and is in no message. */
  readonly key?: { readonly env?: string | undefined; readonly file?: string | undefined } | undefined;
}

/** Where its server is, without what a URL may have beside that: for people who may see the cluster. */
export const originOf = ({ url }: Pick<Endpoint, "url">): string => URL.parse(url)?.origin ?? url;

/** The key, or why there is none. The reason names its place and nothing of it. */
export function readKey({
  key,
}: Pick<Endpoint, "key">): Readonly<{ type: "key"; key: string | undefined } | { type: "refused"; reason: string }> {
  const refuse = (reason: string) => ({ type: "refused", reason }) as const;
  if (key === undefined) return { type: "key", key: undefined };
  const { env, file } = key;
  try {
    const text = (env !== undefined ? (process.env[env] ?? "") : readPrivate(file ?? "")).trim();
    if (text === "") return refuse(env !== undefined ? `the variable ${env} is not set` : "the key file is empty");
    // In a header it would end the header.
    if (!/^[\x21-\x7E]+$/.test(text)) return refuse("the key has spaces or signs that no key has");
    return { type: "key", key: text };
  } catch (thrown) {
    const { code } = thrown as NodeJS.ErrnoException;
    return refuse(code === undefined ? (thrown as Error).message : `the key file cannot be read (${code})`);
  }
}

/** The text of a file that only its owner may read. Asked of the open file, so that no other takes its place
 *  meanwhile. */
function readPrivate(path: string): string {
  const file = openSync(path, "r");
  try {
    const { mode, uid, size } = fstatSync(file);
    if ((mode & 0o170_000) !== 0o100_000) throw new Error("the key file is not a regular file");
    if ((mode & 0o077) !== 0) throw new Error("others may read the key file: chmod 600");
    if (uid !== process.getuid?.() && uid !== 0) throw new Error("the key file belongs to somebody else");
    if (size > remoteLimits.keyBytesMax) throw new Error("the key file is too long for a key");
    return readFileSync(file, "utf8");
  } finally {
    closeSync(file);
  }
}

/** Refuses to send anything unencrypted to where the internet is. A name is asked each time: what it stands for may
 *  change. */
export async function demandPrivacy({ protocol, hostname }: URL, model: string): Promise<void> {
  if (protocol === "https:") return;
  const host = hostname.replaceAll(/[[\]]/g, "");
  const addresses = isIP(host) > 0 ? [host] : (await lookup(host, { all: true })).map(({ address }) => address);
  if (addresses.every(isPrivateAddress)) return;
  const reason = "its server is not in a private network, and would be spoken to without encryption: use https";
  throw new PlexusError(failure("MODEL_UNAVAILABLE", { model, reason }));
}
