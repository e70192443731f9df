/** Asks addresses that strangers name, on the internet and never in a network of one's own. The address that a name
 *  stands for is looked at where the connection is made, so that no second answer of the name's server leads elsewhere.
 *  What is posted goes by https, and no redirection is followed; where pages are read, each one is a request like the
 *  first. */
import { lookup } from "node:dns";
import { Resolver } from "node:dns/promises";
import { request as requestPlain, type IncomingMessage } from "node:http";
import { request } from "node:https";
import { BlockList, isIP, type LookupFunction } from "node:net";
import { networkInterfaces } from "node:os";
import { isPrivateAddress } from "../../protocols/index.ts";
import { platformLimits } from "./limits.ts";

const reserved = new BlockList();
// Where a machine of Azure asks the host that it runs on.
reserved.addAddress("168.63.129.16", "ipv4");
for (const [net, bits] of [
  ["192.0.0.0", 24],
  ["192.0.2.0", 24],
  ["192.88.99.0", 24],
  ["198.18.0.0", 15],
  ["198.51.100.0", 24],
  ["203.0.113.0", 24],
  ["224.0.0.0", 3],
] as const)
  reserved.addSubnet(net, bits, "ipv4");
const global = new BlockList();
global.addSubnet("2000::", 3, "ipv6");
// They carry addresses of IPv4 in them, and examples.
for (const [net, bits] of [
  ["2001::", 32],
  ["2001:db8::", 32],
  ["2002::", 16],
] as const)
  reserved.addSubnet(net, bits, "ipv6");

/** The addresses of this machine, as they are now. */
const ownAddresses = (): readonly string[] =>
  Object.values(networkInterfaces()).flatMap((of = []) => of.map(({ address }) => address));

/** Whether an address is one of the internet's, and not this machine's own there. */
export function isPublicAddress(address: string, own: readonly string[] = ownAddresses()): boolean {
  const family = isIP(address);
  if (own.includes(address)) return false;
  if (family === 4) return !isPrivateAddress(address) && !reserved.check(address, "ipv4");
  return family === 6 && global.check(address, "ipv6") && !reserved.check(address, "ipv6");
}

/** What was answered: only the status, and when to come again. */
interface GuardedAnswer {
  readonly status: number;
  readonly retryAfter?: string;
}

/** How it is posted. */
export interface GuardedPost {
  readonly headers: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  /** Tests alone reach their own machine. */
  readonly mayReach?: (address: string) => boolean;
  /** Tests alone answer names by themselves. */
  readonly resolve?: LookupFunction;
  /** The certificate that tests trust. */
  readonly ca?: string;
}

class Forbidden extends Error {
  constructor() {
    super("its address is not one of the internet");
  }
}

/** The addresses of a name that is looked up, as far as all of them may be reached. */
const lookupOf =
  (mayReach: (address: string) => boolean, resolve: LookupFunction): LookupFunction =>
  (name, options, done) => {
    resolve(name, { ...options, all: true }, (error, found) => {
      const [first] = error === null && Array.isArray(found) ? found : [];
      if (error !== null || !Array.isArray(found) || first === undefined) return done(error ?? new Forbidden(), []);
      if (!found.every(({ address }) => mayReach(address))) return done(new Forbidden(), []);
      if (options.all === true) done(null, found);
      else done(null, first.address, first.family);
    });
  };

/** Looks names up until the signal ends it. The system's own way holds one of four threads until the name's server has
 *  answered, which may be one that never does. Names of this network are not looked up. */
const lookupUntil =
  (signal: AbortSignal, servers: readonly string[] | undefined): LookupFunction =>
  (name, _options, done) => {
    if (signal.aborted || !/\.[^.]+\.?$/.test(name) || /\.localhost\.?$/i.test(name)) return done(new Forbidden(), []);
    const resolver = new Resolver({ timeout: platformLimits.guardedNameMs, tries: 1 });
    if (servers !== undefined) resolver.setServers(servers);
    const stop = (): void => resolver.cancel();
    signal.addEventListener("abort", stop);
    void Promise.allSettled([resolver.resolve4(name), resolver.resolve6(name)]).then(([four, six]) => {
      signal.removeEventListener("abort", stop);
      const found = [
        ...(four.status === "fulfilled" ? four.value.map((address) => ({ address, family: 4 })) : []),
        ...(six.status === "fulfilled" ? six.value.map((address) => ({ address, family: 6 })) : []),
      ];
      if (found.length > 0) done(null, found);
      else done(four.status === "rejected" ? (four.reason as NodeJS.ErrnoException) : new Forbidden(), []);
    });
  };

/** How a request to an address begins. Throws where it may not be made at all. */
function wayTo(
  url: URL,
  { mayReach = isPublicAddress, resolve = lookup, ca }: Pick<GuardedPost, "mayReach" | "resolve" | "ca">,
) {
  const { hostname, port, pathname, search, username, password } = url;
  if (username !== "" || password !== "") throw new Forbidden();
  const host = hostname.replaceAll(/[[\]]/g, "");
  // An address is connected to without being looked up.
  if (isIP(host) > 0 && !mayReach(host)) throw new Forbidden();
  return {
    host,
    port: port === "" ? defaultPort(url) : Number(port),
    path: pathname + search,
    lookup: lookupOf(mayReach, resolve),
    agent: false,
    maxHeaderSize: platformLimits.guardedHeadBytesMax,
    ...(ca !== undefined && { ca }),
  } as const;
}

const defaultPort = ({ protocol }: URL): number => (protocol === "http:" ? 80 : 443);

/** Posts. Rejects where nobody answers in time, and where the address is none of the internet. */
export async function postGuarded(
  url: string,
  body: Uint8Array,
  { headers, timeoutMs, ...where }: GuardedPost,
): Promise<GuardedAnswer> {
  const to = new URL(url);
  if (to.protocol !== "https:") throw new Forbidden();
  const way = wayTo(to, where);
  return new Promise((resolve, reject) => {
    const asked = request(
      {
        ...way,
        method: "POST",
        headers: { ...headers, "content-length": String(body.length) },
        signal: AbortSignal.timeout(timeoutMs),
      },
      (answer) => {
        const retryAfter = answer.headers["retry-after"];
        // What it says beyond that is not read.
        answer.destroy();
        resolve({ status: answer.statusCode ?? 0, ...(retryAfter !== undefined && { retryAfter }) });
      },
    );
    asked.on("error", reject);
    asked.end(body);
  });
}

/** What a page or a picture is read by. */
export interface GuardedRead extends Pick<GuardedPost, "headers" | "mayReach" | "resolve" | "ca"> {
  /** For all of it, redirections included. */
  readonly signal: AbortSignal;
  /** What follows is not read. */
  readonly bytesMax: number;
  readonly redirectsMax: number;
  /** Whether what is of this type is read at all. */
  readonly isWanted: (type: string) => boolean;
  /** Whether a host may be asked; the one that is redirected to, too. */
  readonly mayAsk: (host: string) => boolean;
  /** Tests alone are at other ports. */
  readonly ports?: readonly number[];
  /** Tests alone ask other servers of names. */
  readonly servers?: readonly string[];
}

/** What was read. */
interface GuardedBody {
  /** Where it was, at the end. */
  readonly url: string;
  readonly type: string;
  readonly bytes: Buffer;
  /** There is more of it. */
  readonly isCut: boolean;
}

/** Ports that pages of the web are at. */
const webPorts: readonly number[] = [80, 443];

/** Reads a page of the web. Each redirection is a new request, which is guarded as the first one is. Rejects where it
 *  cannot be read or may not. */
export async function readGuarded(url: string, how: GuardedRead): Promise<GuardedBody> {
  const { ports = webPorts, redirectsMax, mayAsk, resolve = lookupUntil(how.signal, how.servers) } = how;
  let at = new URL(url);
  for (let redirected = 0; ; redirected += 1) {
    const way = wayTo(at, { ...how, resolve });
    const isWeb = at.protocol === "http:" || at.protocol === "https:";
    if (!isWeb || !ports.includes(way.port) || !mayAsk(way.host)) throw new Forbidden();
    const answer = await answerFrom(at, way, how);
    const { statusCode = 0, headers } = answer;
    if (statusCode === 200) return bodyOf(at.href, answer, how);
    answer.destroy();
    if (![301, 302, 303, 307, 308].includes(statusCode) || headers.location === undefined)
      throw new Error(`it answers ${statusCode}`);
    if (redirected >= redirectsMax) throw new Error("it leads on too often");
    at = new URL(headers.location, at);
  }
}

/** What is answered; nothing of its body is read. */
const answerFrom = (
  at: URL,
  way: ReturnType<typeof wayTo>,
  { headers, signal, mayReach = isPublicAddress }: GuardedRead,
): Promise<IncomingMessage> =>
  new Promise((resolve, reject) => {
    const ask = at.protocol === "http:" ? requestPlain : request;
    const asked = ask({ ...way, method: "GET", headers, signal }, (answer) => {
      if (mayReach(answer.socket.remoteAddress ?? "")) return resolve(answer);
      answer.destroy();
      reject(new Forbidden());
    });
    asked.on("error", reject);
    asked.end();
  });

async function bodyOf(url: string, answer: IncomingMessage, how: GuardedRead): Promise<GuardedBody> {
  const { "content-type": type = "", "content-encoding": encoding = "identity" } = answer.headers;
  const stop = (): void => void answer.destroy();
  how.signal.addEventListener("abort", stop);
  try {
    // What is packed may become anything.
    if (!how.isWanted(type) || encoding !== "identity") throw new Error("it is nothing that is read");
    const pieces: Buffer[] = [];
    let bytes = 0;
    for await (const piece of answer as AsyncIterable<Buffer>) {
      pieces.push(piece.subarray(0, how.bytesMax - bytes));
      bytes += piece.length;
      if (bytes > how.bytesMax) break;
    }
    how.signal.throwIfAborted();
    return { url, type, bytes: Buffer.concat(pieces), isCut: bytes > how.bytesMax };
  } finally {
    how.signal.removeEventListener("abort", stop);
    answer.destroy();
  }
}
