/** The join protocol: one stream, three messages, between a node that has a token and a member.
 *
 *      newcomer                                    member
 *        ◄─ greeting {version, cluster, node, …}
 *        request {version, invitation, secret, node} ─►    redeems the invitation
 *        ◄─ answer: admitted, or refused
 *
 *  Noise has proven the member to be the peer that the token names before the secret is sent, and the newcomer's own
 *  key to the member. So nobody else ever sees the secret, and what is recorded cannot be played back. */
import type { Connection, Stream } from "@libp2p/interface";
import { multiaddr } from "@multiformats/multiaddr";
import { Type } from "typebox";
import { checkOf } from "../../../protocols/wire/check.ts";
import {
  decodeFromPeer,
  encode,
  failure,
  ok,
  refused,
  slotCount,
  type Failure,
  type Result,
} from "../../../protocols/index.ts";
import type { Clock, Log, MemberRecord, Meter } from "../../ports/index.ts";
import { FrameReader, framesOf, frameHeaderBytes } from "./frames.ts";
import { asHeard, introduction, introductionCheck, meshVersion, speaksWith, type Introduction } from "./handshake.ts";
import { invitationId, joiningNode, readToken, type Admission, type JoiningNode } from "./invitation.ts";
import { backoffMs } from "../../waiting.ts";
import type { Gate } from "./gate.ts";
import { meshLimits, type MeshLimits } from "./limits.ts";
import type { NodeKey } from "./node-key.ts";
import { createSwarm, textOf } from "./swarm.ts";

export const joinProtocol = "/plexus/join/1";

const requestSchema = Type.Object({
  version: introduction.properties.version,
  slotCount: introduction.properties.slotCount,
  invitation: invitationId,
  secret: Type.Refine(Type.Unsafe<Uint8Array>({}), (value) => value instanceof Uint8Array && value.length <= 64),
  node: joiningNode,
});

const requestCheck = checkOf(requestSchema);

/** The facts that a node is given when it has joined. */
export interface Joined {
  readonly cluster: string;
  readonly slotCount: number;
  /** Plain data with which the node finds the directory; the mesh does not look into it. */
  readonly directory: unknown;
  readonly member: MemberRecord;
  readonly members: readonly MemberRecord[];
}

/** The facts about a member that the joining side needs. */
interface JoinHost {
  readonly self: Introduction;
  readonly admission: Admission;
  /** Handed to newcomers as it is. */
  directoryInfo(): unknown;
}

/** One whole message after the other on a stream, and no more than this side waits for: the other side may be
 *  anybody. */
class Talk {
  readonly #stream: Stream;
  readonly #arrived: unknown[] = [];
  #left: number;
  #waiting: ((value: unknown) => void) | undefined;
  #over = false;

  constructor(stream: Stream, bounds: { readonly messages: number; readonly frameBytesMax: number }) {
    this.#stream = stream;
    this.#left = bounds.messages;
    const reader = new FrameReader(bounds.frameBytesMax);
    const over = (): void => {
      this.#over = true;
      this.#waiting?.(undefined);
    };
    stream.addEventListener("close", over);
    stream.addEventListener("remoteCloseWrite", over);
    stream.addEventListener("message", (event) => {
      if (this.#over) return;
      if (this.#left === 0 || !this.#read(reader, event.data.subarray()))
        stream.abort(new Error("not of this protocol"));
      else if (this.#waiting !== undefined && this.#arrived.length > 0) this.#waiting(this.#arrived.shift());
    });
  }

  /** False: this is no frame, or one too many. */
  #read(reader: FrameReader, chunk: Uint8Array): boolean {
    let isTooMuch = false;
    try {
      const wellFormed = reader.read(chunk, (payload) => {
        isTooMuch = this.#left === 0;
        if (isTooMuch) return false;
        this.#left -= 1;
        this.#arrived.push(decodeFromPeer(payload));
        return true;
      });
      return wellFormed && !isTooMuch;
    } catch {
      return false;
    }
  }

  /** A message that cannot be sent any more is lost; `hear` then says that the stream is over. */
  say(value: unknown): void {
    const payload = encode(value);
    try {
      this.#stream.send(framesOf([payload], frameHeaderBytes + payload.length));
    } catch (error) {
      this.#stream.abort(error as Error);
    }
  }

  /** The next message; undefined when there is none to come. */
  async hear(): Promise<unknown> {
    if (this.#arrived.length > 0) return this.#arrived.shift();
    if (this.#over) return undefined;
    const heard = Promise.withResolvers<unknown>();
    this.#waiting = heard.resolve;
    const value = await heard.promise;
    this.#waiting = undefined;
    return value;
  }
}

/** The member's side of one conversation, every end of which is on record. The gate bounds how long it may take. */
export async function serveJoin(
  host: JoinHost,
  stream: Stream,
  connection: Connection,
  ports: {
    readonly gate: Gate;
    readonly clock: Clock;
    readonly log: Log;
    readonly meter: Meter;
    readonly limits: MeshLimits;
  },
): Promise<void> {
  const { gate, clock, log, meter, limits } = ports;
  const peer = connection.remotePeer.toString();
  const talk = new Talk(stream, { messages: 1, frameBytesMax: limits.joinRequestBytesMax });
  talk.say(host.self);
  const request = await talk.hear();
  if (request === undefined) return;
  const { invitation, secret, node: newcomer } = requestCheck.Check(request) ? request : {};
  if (invitation !== undefined && secret !== undefined)
    gate.asked(connection, host.admission.knows(invitation, secret));
  const who = newcomer === undefined ? {} : { invitation, node: newcomer.node, name: newcomer.name };
  const answer = await redeemFor(host, request, peer);
  if (answer.ok) {
    meter.count("mesh_joins");
    log.info("mesh.join.admitted", { peer, ...who, name: answer.value.member.name, roles: answer.value.member.roles });
  } else {
    const { code, details } = answer.error;
    meter.count("mesh_refused_joins", 1, { code });
    log.warn("mesh.join.refused", { peer, ...who, code, details });
  }
  talk.say(answer);
  const aborted = new AbortController();
  const cancel = clock.after(limits.closeTimeoutMs, () => aborted.abort());
  await stream.close({ signal: aborted.signal }).catch((error: Error) => stream.abort(error));
  cancel();
  // The newcomer closes the connection when it has read the answer; the gate does when it does not.
}

async function redeemFor(host: JoinHost, request: unknown, peer: string): Promise<Result<Joined>> {
  const { self, admission } = host;
  if (!requestCheck.Check(request)) return refused(failure("BAD_REQUEST", { reason: "not a request to join" }));
  const misfit = compare(self, request);
  if (misfit !== undefined) return refused(misfit);
  const redeemed = await admission.redeem(request.invitation, request.secret, peer, request.node);
  if (!redeemed.ok) return redeemed;
  const { cluster, slotCount: slots } = self;
  return ok({ cluster, slotCount: slots, directory: host.directoryInfo(), ...redeemed.value });
}

/** Why two nodes cannot be of one cluster, regardless of their identities. */
function compare(
  ours: Pick<Introduction, "version" | "slotCount">,
  theirs: Pick<Introduction, "version" | "slotCount">,
): Failure | undefined {
  if (!speaksWith(ours.version, theirs.version))
    return failure("VERSION_UNSUPPORTED", { ours: ours.version, theirs: theirs.version });
  if (ours.slotCount !== theirs.slotCount)
    return failure("VERSION_UNSUPPORTED", { slotCount: { ours: ours.slotCount, theirs: theirs.slotCount } });
  return undefined;
}

/** All that a newcomer can tell when it is closed on before a word. */
const unheard = "no invitation is outstanding there, or too many others ask at once";

interface JoinOptions {
  readonly token: string;
  readonly key: NodeKey;
  /** This node's greeting. */
  readonly node: JoiningNode;
  readonly clock: Clock;
  readonly limits?: MeshLimits;
  /** Slots per role, where it is not this version's. */
  readonly slotCount?: number;
  /** Told before another attempt: why the last one failed, and for how long it is tried. */
  readonly again?: (error: Failure, leftMs: number) => void;
}

/** Whether another attempt may end otherwise: no answer came, or the directory was between two leaders. A directory
 *  that says that it takes no changes says so for longer. */
const mayPass = ({ code, details }: Failure): boolean =>
  code === "PEER_LOST" || (code === "DIRECTORY_UNAVAILABLE" && details?.["refuses"] === undefined);

/** Redeems a token: afterwards this node is a member, and can start its mesh. May be repeated with the same node and
 *  key when the answer was lost. Errors: INVITATION_INVALID, VERSION_UNSUPPORTED, UNREACHABLE, PEER_LOST (unknown:
 *  repeat), CONFIG_INVALID (the version), and those of the directory. */
export async function joinCluster(options: JoinOptions): Promise<Result<Joined>> {
  const { clock, limits = meshLimits } = options;
  const read = readToken(options.token);
  if (!read.ok) return read;
  const version = meshVersion(options.node.version);
  if (!version.ok) return version;
  const invitation = read.value;
  const ours = { version: version.value, slotCount: options.slotCount ?? slotCount };

  const endMs = clock.monotonicMs() + limits.joinPatienceMs;
  const swarm = await createSwarm({
    key: options.key.privateKey,
    listen: [],
    gater: {
      denyDialPeer: (peer) => peer.toString() !== invitation.peer,
      denyInboundEncryptedConnection: () => true,
    },
    limits,
  });
  try {
    await swarm.start();
    for (let attempt = 1; ; attempt += 1) {
      const aborted = new AbortController();
      const cancel = clock.after(limits.joinTimeoutMs, () => aborted.abort());
      const { result, passes } = await ask(aborted.signal).finally(cancel);
      // Closed on before a word: nobody is expected there, or others crowd in.
      const leftMs = endMs - clock.monotonicMs();
      if (result.ok || !passes || leftMs < limits.backoffMinMs) return result;
      // Not past the end: what is left is used.
      const pauseMs = Math.min(
        leftMs / 2,
        backoffMs(attempt, { firstMs: limits.backoffMinMs, maxMs: limits.backoffMaxMs }),
      );
      options.again?.(result.error, leftMs);
      // A member takes one request by a stranger's connection.
      for (const connection of swarm.getConnections()) connection.abort(new Error("asks again by another connection"));
      await new Promise<void>((resolve) => void clock.after(pauseMs, resolve));
    }
  } finally {
    await swarm.stop();
  }

  /** One attempt; `passes`: the next may end otherwise. */
  async function ask(aborted: AbortSignal): Promise<{ readonly result: Result<Joined>; readonly passes: boolean }> {
    let stream: Stream;
    try {
      const addresses = invitation.addresses.map((address) => multiaddr(`${address}/p2p/${invitation.peer}`));
      const connection = await swarm.dial(addresses, { signal: aborted });
      stream = await connection.newStream(joinProtocol, { signal: aborted });
    } catch (error) {
      // The other side closes at once, before a word, when it expects nobody.
      const turnedAway = swarm.getConnections().length > 0 || /closed|reset/i.test(textOf(error));
      const { addresses } = invitation;
      const reason = turnedAway
        ? failure("INVITATION_INVALID", { reason: unheard, addresses })
        : failure("UNREACHABLE", { addresses, reason: textOf(error) });
      return { result: refused(reason), passes: turnedAway || /timeout|timed out/i.test(textOf(error)) };
    }
    aborted.addEventListener("abort", () => stream.abort(new Error("out of time")));
    const talk = new Talk(stream, { messages: 2, frameBytesMax: limits.frameBytesMax });
    const greeting = await talk.hear();
    if (greeting === undefined)
      return { result: refused(failure("INVITATION_INVALID", { reason: unheard })), passes: true };
    const result = await redeemAt(talk, greeting);
    // The same node may ask with the same token again.
    return { result, passes: !result.ok && mayPass(result.error) };
  }

  async function redeemAt(talk: Talk, greeting: unknown): Promise<Result<Joined>> {
    if (!introductionCheck.Check(greeting)) return refused(failure("BAD_FRAME", { reason: "not a greeting" }));
    if (greeting.cluster !== invitation.cluster)
      return refused(failure("INVITATION_INVALID", { reason: "that node belongs to another cluster" }));
    const misfit = compare(ours, greeting);
    const request = { ...ours, invitation: invitation.id, node: options.node };
    // Of a node that cannot join only its name, so that the member's log names the node that it refused.
    talk.say({ ...request, secret: misfit === undefined ? invitation.secret : new Uint8Array() });
    const answer = await talk.hear();
    if (misfit !== undefined) return refused(misfit);
    // Only the member that the token names can have said it, so it is taken as it is.
    if (answer === undefined) return refused(failure("PEER_LOST", { reason: "no answer; join again" }));
    const told = answer as Result<Joined>;
    return told.ok ? told : refused(asHeard(told.error));
  }
}
