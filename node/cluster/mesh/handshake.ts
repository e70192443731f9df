/** How two nodes that have met decide whether they belong together. Pure.
 *
 *      dialler                                   acceptor
 *        hello {version, cluster, node, …, link} ─►          judges the hello
 *        ◄─ welcome {version, cluster, node, …}              or refused {failure}
 *      judges the welcome
 *        opens the message stream, and the bulk stream on a second connection; the first frame of each names the link
 *        ◄─ ready                                            has all three streams: connected
 *      connected
 *        ◄─ credit: the window of each lane ─►
 *
 *  `dial()` of libp2p resolves although the other side is about to refuse: only a welcome says that one is in. Hello
 *  and welcome are read by other versions, so they take fields they do not know, and no field ever goes away. */
import { Type, type Static } from "typebox";
import { checkOf } from "../../../protocols/wire/check.ts";
import { failure, ok, refused, type Failure, type Result } from "../../../protocols/index.ts";
import type { MemberRecord, MembershipEnd, NodeId } from "../../ports/index.ts";

/** A short text that names something. */
export const word = Type.String({ minLength: 1, maxLength: 128 });
const count = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });

/** The speaking node, and its version of Plexus. */
export const introduction = Type.Object({
  version: Type.Object({ major: count, minor: count }),
  cluster: word,
  node: word,
  incarnation: count,
  slotCount: count,
});
export type Introduction = Static<typeof introduction>;

const helloSchema = Type.Object({ ...introduction.properties, link: Type.String({ pattern: "^[0-9a-f]{32}$" }) });
export type Hello = Static<typeof helloSchema>;

const helloCheck = checkOf(helloSchema);
export const introductionCheck = checkOf(introduction);
const failureCheck = checkOf(
  Type.Object({
    code: Type.String({ maxLength: 64 }),
    outcome: Type.String({ maxLength: 32 }),
    message: Type.String({ maxLength: 1_000 }),
  }),
);

/** The kinds of frames on the control stream. They are never renumbered. */
export const controlKind = {
  /** A message of the layers above. The only kind that takes credit. */
  message: 0,
  /** `[kind, channel, bytes]`: first, once all lanes are there, the receiver's window; then what it has taken. */
  credit: 1,
  /** I am here. */
  ping: 2,
  /** Last words: `[kind, failure]`. */
  bye: 3,
  hello: 4,
  welcome: 5,
  refused: 6,
  ready: 7,
} as const;

type ControlFrame =
  | { readonly kind: "message"; readonly message: unknown }
  | { readonly kind: "credit"; readonly channel: number; readonly bytes: number }
  | { readonly kind: "ping" }
  | { readonly kind: "ready" }
  | { readonly kind: "bye" | "refused"; readonly reason: Failure }
  | { readonly kind: "hello"; readonly hello: Hello }
  | { readonly kind: "welcome"; readonly welcome: Introduction };

/** Reads a decoded frame of the control stream; undefined: it is none. Kinds of later versions are unknown here on
 *  purpose: a node says nothing that the other's version does not know. */
export function readControl(value: unknown): ControlFrame | undefined {
  if (!Array.isArray(value)) return undefined;
  const [kind, first, second] = value as readonly unknown[];
  switch (kind) {
    case controlKind.message:
      return { kind: "message", message: first };
    case controlKind.credit:
      return isCount(first) && isCount(second) ? { kind: "credit", channel: first, bytes: second } : undefined;
    case controlKind.ping:
      return { kind: "ping" };
    case controlKind.ready:
      return { kind: "ready" };
    case controlKind.bye:
    case controlKind.refused: {
      if (!failureCheck.Check(first)) return undefined;
      return { kind: kind === controlKind.bye ? "bye" : "refused", reason: asHeard(first as Failure) };
    }
    case controlKind.hello:
      return helloCheck.Check(first) ? { kind: "hello", hello: first } : undefined;
    case controlKind.welcome:
      return introductionCheck.Check(first) ? { kind: "welcome", welcome: first } : undefined;
    default:
      return undefined;
  }
}

/** A peer's refusal in the words of the refused node: the peer's version is `theirs` here. */
export function asHeard(reason: Failure): Failure {
  if (reason.code !== "VERSION_UNSUPPORTED") return reason;
  const { ours, theirs, slotCount: slots, ...others } = reason.details ?? {};
  const counts = (slots ?? {}) as { readonly ours?: unknown; readonly theirs?: unknown };
  const details = {
    ...others,
    ...(theirs !== undefined && { ours: theirs }),
    ...(ours !== undefined && { theirs: ours }),
    ...(slots !== undefined && { slotCount: { ours: counts.theirs, theirs: counts.ours } }),
  };
  return { ...reason, details };
}

/** The refusal of a node that was a member and is none any more. */
export const evicted = failure("NOT_A_PEER", { reason: "evicted" });

/** The same of a node that was left out when the directory was recovered, in that generation. */
export const leftOut = (generation: number | undefined): Failure =>
  generation === undefined ? evicted : { ...evicted, details: { ...evicted.details, generation } };

/** That generation, if a peer names it. */
export function generationIn({ details }: Failure): number | undefined {
  const generation = details?.["generation"];
  return isCount(generation) ? generation : undefined;
}

/** The refusal of a process whose node has started again elsewhere: on a copy of its data folder. */
export const duplicate = failure("NOT_A_PEER", { reason: "a later start of this node is connected" });

/** The refusal before it is known whether the process of the later start lives: the refused process may come again. */
export const preceded = failure("NOT_A_PEER", { reason: "a later start of this node may still be connected" });

/** Why this process is not its node any more, if a peer says that; other refusals of the same code are about a
 *  connection. */
export function endIn({ code, details }: Failure): MembershipEnd | undefined {
  if (code !== "NOT_A_PEER") return undefined;
  const reason = details?.["reason"];
  return reason === evicted.details?.["reason"]
    ? "evicted"
    : reason === duplicate.details?.["reason"]
      ? "duplicate"
      : undefined;
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

/** The version that is compared, from `major.minor.patch`. Error: CONFIG_INVALID. */
export function meshVersion(version: string): Result<Introduction["version"]> {
  const [, major, minor] = /^(\d{1,6})\.(\d{1,6})\./.exec(`${version}.`) ?? [];
  if (major === undefined || minor === undefined)
    return refused(failure("CONFIG_INVALID", { field: "version", version }));
  return ok({ major: Number(major), minor: Number(minor) });
}

/** Nodes work together when they are at most one minor version apart, so that a cluster can be upgraded node by
 *  node. */
export const speaksWith = (ours: Introduction["version"], theirs: Introduction["version"]): boolean =>
  ours.major === theirs.major && Math.abs(ours.minor - theirs.minor) <= 1;

/** Whether the node at the other end of a connection, proven to be `member.peer`, is one to work with. Errors:
 *  VERSION_UNSUPPORTED (also: another slot count), NOT_A_PEER (another cluster, or someone else's node id). */
export function judge(
  ours: Introduction,
  theirs: Introduction,
  member: Pick<MemberRecord, "node" | "peer"> | undefined,
): Result<NodeId> {
  if (!speaksWith(ours.version, theirs.version))
    return refused(failure("VERSION_UNSUPPORTED", { ours: ours.version, theirs: theirs.version }));
  if (theirs.cluster !== ours.cluster) return refused(failure("NOT_A_PEER", { reason: "another cluster" }));
  if (theirs.slotCount !== ours.slotCount)
    return refused(failure("VERSION_UNSUPPORTED", { slotCount: { ours: ours.slotCount, theirs: theirs.slotCount } }));
  if (member === undefined) return refused(failure("NOT_A_PEER", { reason: "not on the member list" }));
  if (theirs.node !== member.node)
    return refused(failure("NOT_A_PEER", { reason: "the node id belongs to another key", node: theirs.node }));
  return ok(member.node);
}
