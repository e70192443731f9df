/** Invitations: how a node becomes a member.
 *
 *      unused ──(compare-and-set: used by this node and key)──► used ──(member row written)──► admitted
 *
 *  The directory keeps a hash of the secret, so reading the directory is not enough to join. The first compare-and-set
 *  decides who the one user is. That user may come again until it has its answer; once it is admitted, the invitation
 *  is worth nothing: a node that was evicted cannot come back with it, also when the last step was lost
 *  (`spendInvitations`). Expiry is read from the clock of the node that redeems; it limits how long a lost token is
 *  dangerous, and no promise rests on it. */
import { createHash, timingSafeEqual } from "node:crypto";
import { crc32 } from "node:zlib";
import { Type, type Static } from "typebox";
import { checkOf } from "../../../protocols/wire/check.ts";
import {
  decode,
  encode,
  failure,
  failureOf,
  ok,
  PlexusError,
  refused,
  roles as allRoles,
  type Failure,
  type Result,
  type Role,
  type StorageTerms,
} from "../../../protocols/index.ts";
import type { Clock, Directory, DirectoryRow, MemberRecord, Random } from "../../ports/index.ts";
import {
  asInvitation,
  asMember,
  invitationPrefix,
  listMembers,
  memberKey,
  type InvitationRecord,
} from "../facts/records.ts";
import { word } from "./handshake.ts";
import { invitationLimits } from "./limits.ts";
import { holdsAt } from "../../../protocols/index.ts";

/** The contents of a token. */
interface Invitation {
  readonly cluster: string;
  readonly id: string;
  readonly secret: Uint8Array;
  /** The node to ask. */
  readonly peer: string;
  readonly addresses: readonly string[];
}

const tokenPrefix = "plexus-join-";
const tokenFormat = 1;
const checksumBytes = 4;
const secretBytes = 20;
const idBytes = 6;

/** Invitations by name, as newcomers say it: it becomes part of a key of the directory. */
export const invitationId = Type.String({ pattern: `^[0-9a-f]{${idBytes * 2}}$` });

const tokenCheck = checkOf(
  Type.Tuple([
    Type.Literal(tokenFormat),
    word,
    word,
    Type.Refine(Type.Unsafe<Uint8Array>({}), (value) => value instanceof Uint8Array),
    word,
    Type.Array(Type.String({ maxLength: 256 }), { minItems: 1, maxItems: 16 }),
  ]),
);

/** The token as text: base64url, with a checksum so that a typing error is told apart from a forgery. */
export function writeToken({ cluster, id, secret, peer, addresses }: Invitation): string {
  const body = encode([tokenFormat, cluster, id, secret, peer, addresses]);
  const bytes = Buffer.alloc(body.length + checksumBytes);
  bytes.set(body);
  bytes.writeUInt32LE(crc32(body), body.length);
  return `${tokenPrefix}${bytes.toString("base64url")}`;
}

/** Reads a token. Error: INVITATION_INVALID; details say whether it was mistyped. */
export function readToken(token: string): Result<Invitation> {
  const invalid = (reason: string) => refused(failure("INVITATION_INVALID", { reason }));
  const text = token.trim();
  if (!text.startsWith(tokenPrefix) || text.length > invitationLimits.tokenCharsMax)
    return invalid(`not a token: it begins with ${tokenPrefix}`);
  const bytes = Buffer.from(text.slice(tokenPrefix.length), "base64url");
  const bodyBytes = bytes.length - checksumBytes;
  if (bodyBytes <= 0 || crc32(bytes.subarray(0, bodyBytes)) !== bytes.readUInt32LE(bodyBytes))
    return invalid("mistyped: a part is missing or changed");
  let body: unknown;
  try {
    body = decode(bytes.subarray(0, bodyBytes));
  } catch {
    return invalid("made by another version of Plexus");
  }
  if (!tokenCheck.Check(body)) return invalid("made by another version of Plexus");
  const [, cluster, id, secret, peer, addresses] = body;
  return ok({ cluster, id, secret, peer, addresses });
}

const hashOf = (secret: Uint8Array): string => createHash("sha256").update(secret).digest("hex");
const sameHash = (one: string, other: string): boolean =>
  one.length === other.length && timingSafeEqual(Buffer.from(one), Buffer.from(other));

/** Writes an invitation and returns its token, which is shown once and kept nowhere. Errors: BAD_REQUEST,
 *  LIMIT_REACHED, DIRECTORY_UNAVAILABLE. */
export async function createInvitation(
  directory: Directory,
  offer: {
    readonly roles: readonly Role[];
    readonly labels: Readonly<Record<string, string>>;
    /** What it may keep there. */
    readonly storage?: StorageTerms;
    readonly expiresInMs: number;
    readonly cluster: string;
    /** The node to ask, which is any member that the newcomer can reach. */
    readonly peer: string;
    readonly addresses: readonly string[];
  },
  ports: { readonly clock: Clock; readonly random: Random },
): Promise<Result<{ readonly token: string; readonly id: string; readonly expiresAtMs: number }>> {
  const { lifeMsMax, invitationsMax, keptMs, attemptsMax } = invitationLimits;
  const { roles, labels, storage, expiresInMs } = offer;
  const wrong = (field: string) => refused(failure("BAD_REQUEST", { field }));
  if (roles.length === 0 || roles.some((role) => !allRoles.includes(role))) return wrong("roles");
  if (storage !== undefined && !roles.includes("storage")) return wrong("storage");
  if (!(expiresInMs > 0 && expiresInMs <= lifeMsMax)) return wrong("expiresInMs");
  if (offer.addresses.length === 0) return wrong("addresses");
  const nowMs = ports.clock.nowMs();
  try {
    const rows = await directory.list(invitationPrefix);
    const old = rows.filter((row) => (asInvitation(row)?.expiresAtMs ?? 0) + keptMs < nowMs);
    if (rows.length - old.length >= invitationsMax)
      return refused(failure("LIMIT_REACHED", { limit: "invitationsMax", max: invitationsMax }));
    for (const { key, revision } of old) await directory.compareAndSet(key, undefined, revision);
    for (let attempt = 0; attempt < attemptsMax; attempt += 1) {
      const id = Buffer.from(ports.random.bytes(idBytes)).toString("hex");
      const secret = ports.random.bytes(secretBytes);
      const expiresAtMs = nowMs + expiresInMs;
      const record: InvitationRecord = {
        id,
        secretHash: hashOf(secret),
        roles,
        labels,
        ...(storage && { storage }),
        expiresAtMs,
      };
      const { applied } = await directory.compareAndSet(`${invitationPrefix}${id}`, record, 0);
      if (!applied) continue;
      const { cluster, peer, addresses } = offer;
      return ok({ token: writeToken({ cluster, id, secret, peer, addresses }), id, expiresAtMs });
    }
    return refused(failure("OVERLOADED"));
  } catch (error) {
    return refused(failureOf(error));
  }
}

const texts = Type.Record(Type.String({ maxLength: 64 }), Type.String({ maxLength: 256 }), { maxProperties: 64 });

/** A joining node's fields of its member record; the invitation decides the rest. */
export const joiningNode = Type.Object(
  {
    node: Type.String({ pattern: "^[\\w.-]{1,64}$" }),
    name: Type.String({ minLength: 1, maxLength: 64 }),
    addresses: Type.Array(Type.String({ maxLength: 256 }), { maxItems: 16 }),
    /** Fewer roles than the invitation gives. */
    roles: Type.Optional(
      Type.Array(Type.Unsafe<Role>(Type.Union(allRoles.map((role) => Type.Literal(role)))), {
        minItems: 1,
        maxItems: allRoles.length,
      }),
    ),
    labels: texts,
    models: Type.Array(Type.String({ maxLength: 128 }), { maxItems: 64 }),
    gpu: Type.Boolean(),
    weight: Type.Number({ exclusiveMinimum: 0, maximum: 1_000 }),
    version: word,
    url: Type.String({ maxLength: 256 }),
    incarnation: Type.Integer({ minimum: 0 }),
  },
  { additionalProperties: false },
);
export type JoiningNode = Static<typeof joiningNode>;

/** The result of a redemption: the node's own record, and the records of all members. */
interface Admitted {
  readonly member: MemberRecord;
  readonly members: readonly MemberRecord[];
}

/** Redeems invitations on behalf of the cluster. Any member can. */
export interface Admission {
  /** Whether there is an invitation that someone may come with, so that strangers are to be listened to at all. */
  open(): boolean;
  /** Whether somebody knows an invitation's secret, as far as that can be told without asking the directory. It opens
   *  nothing; it is for newcomers that may wait while others crowd in. */
  knows(id: string, secret: Uint8Array): boolean;
  /** Makes a member of the node that proved to be `peer` and knows the secret. Error: INVITATION_INVALID (unknown,
   *  forged, expired, used by another, or not for this), DIRECTORY_UNAVAILABLE, OVERLOADED. */
  redeem(id: string, secret: Uint8Array, peer: string, facts: JoiningNode): Promise<Result<Admitted>>;
  stop(): void;
}

export function createAdmission(ports: { readonly directory: Directory; readonly clock: Clock }): Admission {
  const { directory, clock } = ports;
  const invitations = new Map<string, InvitationRecord>();
  const learn = (row: DirectoryRow): void => {
    const invitation = asInvitation(row);
    if (invitation === undefined) invitations.delete(row.key);
    else invitations.set(row.key, invitation);
  };
  const unwatch = directory.watch(invitationPrefix, {
    reset(rows) {
      invitations.clear();
      for (const row of rows) learn(row);
    },
    changed: learn,
    removed: (key) => void invitations.delete(key),
    // The answer may rest on old rows, and a refusal in the end is still a refusal.
    stale: () => undefined,
  });
  return {
    open() {
      const nowMs = clock.nowMs();
      for (const { expiresAtMs } of invitations.values())
        if (expiresAtMs + invitationLimits.answeredMs > nowMs) return true;
      return false;
    },
    knows(id, secret) {
      const invitation = invitations.get(`${invitationPrefix}${id}`);
      return invitation !== undefined && sameHash(invitation.secretHash, hashOf(secret));
    },
    async redeem(id, secret, peer, facts) {
      try {
        const member = await redeem(directory, clock.nowMs(), { id, secret, peer, facts });
        return ok({ member, members: await listMembers(directory) });
      } catch (error) {
        return refused(failureOf(error));
      }
    },
    stop: unwatch,
  };
}

interface Redemption {
  readonly id: string;
  readonly secret: Uint8Array;
  readonly peer: string;
  readonly facts: JoiningNode;
}

/** Whether this redemption of an invitation may go on. */
function judgeRedemption(
  record: InvitationRecord | undefined,
  { secret, peer, facts }: Redemption,
  nowMs: number,
): Failure | undefined {
  const invalid = (reason: string): Failure => failure("INVITATION_INVALID", { reason });
  if (record === undefined) return invalid("unknown");
  if (!sameHash(record.secretHash, hashOf(secret))) return invalid("forged");
  const { used } = record;
  if (used !== undefined && (used.node !== facts.node || used.peer !== peer)) return invalid("used");
  if (!holdsAt(nowMs, record.expiresAtMs, invitationLimits.lifeMsMax) && used?.admitted !== true)
    return invalid("expired");
  const beyond = facts.roles?.filter((role) => !record.roles.includes(role)) ?? [];
  if (beyond.length > 0)
    return failure("INVITATION_INVALID", { reason: "it does not give these roles", roles: beyond });
  return undefined;
}

async function redeem(directory: Directory, nowMs: number, redemption: Redemption): Promise<MemberRecord> {
  const { peer, facts } = redemption;
  const key = `${invitationPrefix}${redemption.id}`;
  for (let attempt = 0; attempt < invitationLimits.attemptsMax; attempt += 1) {
    const row = await directory.read(key);
    const invitation = row && asInvitation(row);
    const refusal = judgeRedemption(invitation, redemption, nowMs);
    if (refusal !== undefined || row === undefined || invitation === undefined)
      throw new PlexusError(refusal ?? failure("INVITATION_INVALID", { reason: "unknown" }));

    const present = await directory.read(memberKey(facts.node));
    const member = present && asMember(present);
    if (present !== undefined && member === undefined)
      throw new PlexusError(failure("DATA_DAMAGED", { row: present.key, reason: "it is not a member's row" }));
    if (member !== undefined && member.peer !== peer)
      throw new PlexusError(failure("INVITATION_INVALID", { reason: "another node has this id", node: facts.node }));
    const { used } = invitation;
    if (used?.admitted === true) {
      // It asks again because our answer was lost, or because it was evicted since.
      if (member !== undefined) return member;
      throw new PlexusError(failure("INVITATION_INVALID", { reason: "used" }));
    }

    const claim = { node: facts.node, peer, admitted: false };
    const claimed =
      used === undefined
        ? await directory.compareAndSet(key, { ...invitation, used: claim }, row.revision)
        : { applied: true, row };
    if (!claimed.applied || claimed.row === undefined) continue;
    const admitted = member ?? (await admit(directory, invitation, redemption, claimed.row));
    if (admitted === undefined) continue;
    const settled = { ...invitation, used: { ...claim, admitted: true } };
    await directory.compareAndSet(key, settled, claimed.row.revision);
    return admitted;
  }
  throw new PlexusError(failure("OVERLOADED", { reason: "others write the same rows" }));
}

/** Writes the member row, as long as nobody has touched the invitation since. Undefined: somebody has. */
async function admit(
  directory: Directory,
  invitation: InvitationRecord,
  { peer, facts }: Redemption,
  claimed: { readonly key: string; readonly revision: number },
): Promise<MemberRecord | undefined> {
  const { roles, labels, name, ...rest } = facts;
  const taken = new Set((await listMembers(directory)).map((other) => other.name));
  const member: MemberRecord = {
    ...rest,
    name: freeName(name, taken),
    peer,
    roles: roles ?? invitation.roles,
    labels: { ...labels, ...invitation.labels },
    ...(invitation.storage && { storage: invitation.storage }),
    state: "active",
  };
  const written = await directory.compareAndSet(memberKey(member.node), member, 0, claimed);
  if (!written.applied || written.row === undefined) return undefined;
  // Two nodes that join at once may both have found the name free. The one that sees the other takes a name that no
  // third can want.
  const others = (await listMembers(directory)).filter(({ node }) => node !== member.node);
  if (!others.some((other) => other.name === member.name)) return member;
  const renamed = { ...member, name: `${name}-${member.node}`.slice(0, 64) };
  const again = await directory.compareAndSet(memberKey(member.node), renamed, written.row.revision);
  return again.applied ? renamed : member;
}

/** The name, or the name with the first number that makes it free. */
export function freeName(name: string, taken: ReadonlySet<string>): string {
  if (!taken.has(name)) return name;
  // One more than there are names: one of them is free.
  for (let number = 2; number <= taken.size + 2; number += 1)
    if (!taken.has(`${name}-${number}`)) return `${name}-${number}`;
  return name;
}
