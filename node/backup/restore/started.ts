/** Starts what was restored, in a process of its own, and reads of it what people would:
 *
 *      folder ─► node (a program of the caller: loopback, any port, reaches nobody)
 *                  └► an account gets a new password and signs in ─► its rooms: their newest messages
 *                       └► compared with the snapshot's index ─► the process is ended
 *
 *  The node may write: the folder is the rehearsal's, and is emptied afterwards. */
import type { ChildProcess } from "node:child_process";
import {
  errorTable,
  failure,
  failureOf,
  PlexusError,
  readAnswer,
  type DrillStarted,
  type Failure,
} from "../../../protocols/index.ts";
import { forkOurs } from "../../../runtimes/children.ts";
import { requestText } from "../../platform/index.ts";
import type { Clock, Random } from "../../ports/index.ts";
import { commandLimits } from "../index.ts";
import type { RestoredIndex } from "./check.ts";

/** What the program is told. */
export interface NodeToStart {
  readonly data: string;
  /** The operator's secret for its admin interface. */
  readonly token: string;
  readonly version: string;
}

const nothing = { rooms: 0, messages: 0, differs: [] };

/** What it says: once. */
export type NodeStarted = { readonly url: string } | { readonly error: Failure };

interface RehearsalAt {
  readonly signal: AbortSignal;
  readonly clock: Pick<Clock, "monotonicMs" | "after">;
  readonly random: Pick<Random, "bytes">;
  readonly version: string;
  /** Starts a node, as it is told to. */
  readonly program: URL;
}

/** Starts a node on a folder that was restored, and reads of it what the index names. */
export type StartRestored = (folder: string, index: RestoredIndex, signal: AbortSignal) => Promise<DrillStarted>;

/** What starts folders of a rehearsal. */
export const restoredStarter =
  (of: Omit<RehearsalAt, "signal">): StartRestored =>
  (folder, index, signal) =>
    startRestored(folder, index, { ...of, signal });

/** Runs the folder's node for as long as it is read. What does not go well is in the answer. Error: CANCELLED. */
export async function startRestored(data: string, index: RestoredIndex, at: RehearsalAt): Promise<DrillStarted> {
  at.signal.throwIfAborted();
  const begunMs = at.clock.monotonicMs();
  const token = Buffer.from(at.random.bytes(32)).toString("base64url");
  const child = begin(at.program);
  try {
    const said = await answerOf(child, { data, token, version: at.version }, at);
    const readyMs = Math.round(at.clock.monotonicMs() - begunMs);
    if ("error" in said) return { ...nothing, readyMs, error: said.error };
    return { readyMs, ...(await read(index, { url: said.url, token, at })) };
  } catch (error) {
    at.signal.throwIfAborted();
    return { ...nothing, readyMs: Math.round(at.clock.monotonicMs() - begunMs), error: failureOf(error) };
  } finally {
    await endOf(child);
  }
}

/** Begins the process; it knows nothing of this one's environment. */
function begin(program: URL): ChildProcess {
  return forkOurs(program, [], { env: {}, streams: ["ignore", "ignore", "ignore"] });
}

/** What it says when it is told; an error where it ends, is too late, or is not wanted any more. */
async function answerOf(child: ChildProcess, told: NodeToStart, { signal, clock }: RehearsalAt): Promise<NodeStarted> {
  const said = Promise.withResolvers<NodeStarted>();
  const fail = (reason: string): void =>
    said.reject(new PlexusError(failure("BACKUP_DAMAGED", { object: "node", reason })));
  const cancel = (): void => said.reject(signal.reason);
  const stop = clock.after(commandLimits.drillStartMs, () => fail("it did not become ready in time"));
  child.once("message", (answer: NodeStarted) => said.resolve(answer));
  child.once("error", (error) => fail(error.message));
  child.once("exit", (code, by) => fail(`its process ended with ${code ?? by ?? "nothing"} before it was ready`));
  signal.addEventListener("abort", cancel, { once: true });
  child.send(told, (error) => void (error && fail(error.message)));
  try {
    return await said.promise;
  } finally {
    stop();
    signal.removeEventListener("abort", cancel);
  }
}

/** Nothing of it is of use to anybody: it need not stop in order. */
async function endOf(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  const ended = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGKILL");
  await ended;
}

interface Node {
  readonly url: string;
  readonly token: string;
  readonly at: RehearsalAt;
}

type Fields = Readonly<Record<string, unknown>>;

/** One request, as any client makes it. Errors: what it refused; BACKUP_DAMAGED where it did not answer. */
async function ask(
  { url, at }: Node,
  [method, path]: readonly [string, string],
  token: string | undefined,
  body?: object,
): Promise<Fields> {
  const timeoutMs = commandLimits.drillRequestMs;
  const wanted = { method, token, body, signal: at.signal, timeoutMs };
  const heard = await requestText(new URL(`/api/v1${path}`, url), wanted).catch((error: unknown) => {
    const reason = `it did not answer ${path}: ${String(error)}`;
    throw new PlexusError(failure("BACKUP_DAMAGED", { object: "node", reason }), error);
  });
  const answer = readAnswer<Fields>(url, heard);
  if (!answer.ok) throw new PlexusError(answer.error);
  return answer.value;
}

/** Signs in as the first account that can, and reads its rooms. What a node in trouble refuses is an error. */
async function read(index: RestoredIndex, node: Node): Promise<Omit<DrillStarted, "readyMs">> {
  for (const account of index.accounts) {
    let session: string | undefined;
    try {
      session = await signIn(account, node);
      // A second factor, or a server of identities: nobody rehearses with that.
      if (session !== undefined) return { account, ...(await readRooms(index, session, node)) };
    } catch (error) {
      node.at.signal.throwIfAborted();
      const refused = failureOf(error);
      // An account of a program, or one that is suspended.
      if (session !== undefined || !ofAccount.has(errorTable[refused.code].http)) return { ...nothing, error: refused };
    }
  }
  return nothing;
}

/** How a node refuses whom it may not let in. */
const ofAccount: ReadonlySet<number> = new Set([401, 403, 404, 409, 429]);

/** A token; undefined: more than a password is asked for. */
async function signIn(user: string, node: Node): Promise<string | undefined> {
  const password = Buffer.from(node.at.random.bytes(24)).toString("base64url");
  const { secret } = await ask(node, ["POST", `/admin/users/${encodeURIComponent(user)}/reset`], node.token, {});
  await ask(node, ["POST", "/sign-in/reset"], undefined, { user, secret, password });
  const { token } = await ask(node, ["POST", "/sign-in"], undefined, { name: user, password });
  return typeof token === "string" ? token : undefined;
}

async function readRooms(
  { rooms: known }: RestoredIndex,
  session: string,
  node: Node,
): Promise<Pick<DrillStarted, "rooms" | "messages" | "differs">> {
  const { rooms: listed } = await ask(node, ["GET", "/rooms"], session);
  const names = (Array.isArray(listed) ? listed : []).flatMap(({ room }: Fields) =>
    typeof room === "string" && known[room] !== undefined ? [room] : [],
  );
  const chosen = names.slice(0, commandLimits.drillRoomsRead);
  const differs: string[] = [];
  let count = 0;
  for (const room of chosen) {
    // What the node wrote since, such as the end of an answer that was under way, is not the snapshot's.
    const path = `/rooms/${encodeURIComponent(room)}/messages?before=${(known[room] ?? 0) + 1}`;
    const { messages } = await ask(node, ["GET", path], session);
    const found = (Array.isArray(messages) ? messages : []) as readonly Fields[];
    count += found.length;
    if (found.at(-1)?.["seq"] !== known[room]) differs.push(`room/${room}`);
  }
  return { rooms: chosen.length, messages: count, differs };
}
