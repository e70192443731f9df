/** What this node signs, seals and proves with, on the real ports: its own key, the audit, the cluster's keys and
 *  secrets, its disk. */
import { createPrivateKey, createPublicKey, sign, verify } from "node:crypto";
import type { Config } from "../../config/index.ts";
import { auditActionOf, auditDone, type AuditAction, type AuditWriter } from "../../protocols/index.ts";
import { createAudit, tellCluster, type Audit, type AuditSigner } from "../audit/index.ts";
import type { Signer } from "../bulk/shards/index.ts";
import { sinkContext } from "../cluster/facts/audit-rules.ts";
import { destinationOf, type Seals } from "../cluster/facts/secrets.ts";
import { blobFolder, diskKeyFile, escrowFile } from "../data-folder/index.ts";
import {
  createSecrets,
  deriveKey,
  keepSecretsKey,
  openDisk,
  recipientOf,
  type Secrets,
  type SecretsReceiver,
} from "../keys/index.ts";
import { deliver, openFiles } from "../platform/index.ts";
import type { NodeId } from "../ports/index.ts";
import type { IdentitySigner } from "../routing/index.ts";
import { storeParts } from "../storage/index.ts";
import type { Stops } from "../stops.ts";
import type { Identity } from "./identity.ts";
import type { Machine } from "./machine.ts";
import type { Peer } from "./peer.ts";
import { memberIn } from "../cluster/facts/members.ts";

/** Whom a notice is for. */
export const toAdmins = { people: [] as string[], admins: true };

/** Opens the audit of this node. */
export async function openAudit(
  config: Config,
  at: { readonly machine: Machine; readonly identity: Identity; readonly stops: Stops },
): Promise<Audit> {
  const { node, store, own } = at.identity;
  const audit = await createAudit({
    ...at.machine,
    store,
    node,
    name: () => own.name,
    signer: auditSigner(config.data),
  });
  at.stops.add(async () => {
    await audit.write({ action: "stopNode", by: `node/${own.name}`, outcome: auditDone }).catch(() => undefined);
    await audit.stop();
  });
  return audit;
}

/** From now on others have copies of the audit, and it is sent where admins say. */
export function joinAudit(
  own: Audit,
  at: { readonly peer: Peer; readonly secrets: Seals; readonly name: string; readonly version: string },
): void {
  const { peer, secrets, name, version } = at;
  const { sinks, retention } = peer.auditRules;
  const tell = (action: string, facts: Readonly<Record<string, string>>): void =>
    tellCluster(peer.kernel, { action, by: name, facts, tell: toAdmins });
  own.join({
    exchange: peer.exchange,
    membership: peer.membership,
    forked: (facts) => tell("auditForked", facts),
    tell,
    retention: () => retention.current(),
    push: {
      sinks: () => sinks.current(),
      onChange: (listener) => sinks.onChange(listener),
      deliver,
      secret: async (sink) =>
        sink.sealed === undefined ? undefined : secrets.open(sink.sealed, sinkContext(sink), destinationOf(sink.url)),
      version,
    },
  });
}

/** What this node did by itself. */
export function noteOwn(
  audit: AuditWriter,
  name: string,
  action: string,
  facts: Readonly<Record<string, string>>,
): void {
  if (auditActionOf(action) === undefined) return;
  const by = `node/${name}`;
  void audit.write({ action: action as AuditAction, by, outcome: auditDone, facts }).catch(() => undefined);
}

/** Where the key of the disk is, and where it is sealed to the recovery kit. */
export const diskKeyFiles = ({ data, diskKey }: Pick<Config, "data" | "diskKey">) => ({
  keyFile: diskKey ?? diskKeyFile(data),
  sealedFile: escrowFile(data),
});

/** Opens the disk; it begins with what was under way when the process ended. */
export async function openOwnDisk(
  config: Config,
  at: { readonly identity: Identity; readonly machine: Machine; readonly stops: Stops },
): Promise<ReturnType<typeof openDisk>> {
  const { journal } = at.identity;
  const files = await openFiles(blobFolder(config.data));
  const disk = openDisk({ ...at, files, parts: () => storeParts(journal), ...diskKeyFiles(config) });
  at.stops.add(() => disk.stop());
  return disk;
}

/** Opens what seals with the cluster's key, and takes part in keeping it. */
export function openSecrets(
  { data }: Pick<Config, "data">,
  at: {
    readonly machine: Pick<Machine, "clock" | "random" | "log">;
    readonly identity: Pick<Identity, "node">;
    readonly peer: Pick<Peer, "directory" | "membership">;
  },
): { readonly secrets: Secrets; stop(): void } {
  const { node } = at.identity;
  const { directory, membership } = at.peer;
  const peerOf = (other: string) => memberIn(membership, other)?.peer;
  const key = keepSecretsKey({
    ...at.machine,
    directory,
    members: {
      self: node,
      members: () => membership.members().members.map((one) => one.node),
      isUp: (other) => membership.isUp(other),
      onChange: (listener) => membership.onChange(listener),
    },
    receiver: () => openIdentitySigner(data, { node, peerOf }),
  });
  return { secrets: createSecrets(key), stop: () => key.stop() };
}

/** The key of this node, in the mesh's hands. What it needs is loaded when it is first used. */
function ownKey(data: string) {
  const mesh = () => import("../cluster/mesh/index.ts");
  let own: ReturnType<Awaited<ReturnType<typeof mesh>>["openNodeKey"]> | undefined;
  const key = async () => (own ??= (await mesh()).openNodeKey(data));
  return {
    peer: async () => (await key()).peer,
    sign: async (bytes: Uint8Array) => (await mesh()).signWith(await key(), bytes),
    isSigned: async (peer: string, bytes: Uint8Array, signature: Uint8Array) =>
      (await mesh()).isSignedBy(peer, bytes, signature),
  };
}

const auditSigner = (data: string): AuditSigner => ownKey(data);

/** The keys of nodes, by which receipts of shards are known. */
export function shardSigner(data: string, node: NodeId, { membership }: Pick<Peer, "membership">): Signer {
  const own = ownKey(data);
  return {
    sign: own.sign,
    async isSigned(by, bytes, signature) {
      const peer = by === node ? await own.peer() : memberIn(membership, by)?.peer;
      return peer !== undefined && own.isSigned(peer, bytes, signature);
    },
  };
}

/** Keys of other members that are kept read. */
const keysKeptMax = 256;

/** The keys of nodes, as proofs of whom they send for are signed and checked (node/routing/identity.ts), and as shares
 *  of the key of secrets are received (node/keys/secrets-key.ts). At once, because what is presented has to count for
 *  the envelope behind it. Reads this node's key, once somebody else is there to prove anything to: a node alone does
 *  not load what the mesh needs. Error: DATA_DAMAGED. */
export async function openIdentitySigner(
  folder: string,
  at: { readonly node: NodeId; peerOf(node: NodeId): string | undefined },
): Promise<IdentitySigner & SecretsReceiver> {
  const { openNodeKey, publicKeyOf } = await import("../cluster/mesh/index.ts");
  const { privateKey, peer } = await openNodeKey(folder);
  const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64url");
  const jwk = (x: Uint8Array) => ({ kty: "OKP", crv: "Ed25519", x: base64(x) });
  // libp2p keeps the seed with the public key behind it.
  const seed = privateKey.raw.subarray(0, 32);
  const own = createPrivateKey({ format: "jwk", key: { ...jwk(privateKey.publicKey.raw), d: base64(seed) } });
  const keys = new Map<string, ReturnType<typeof createPublicKey>>();
  const keyOf = (of: string): ReturnType<typeof createPublicKey> | undefined => {
    const read = keys.get(of);
    if (read !== undefined) return read;
    const raw = publicKeyOf(of);
    if (raw === undefined) return undefined;
    const key = createPublicKey({ format: "jwk", key: jwk(raw) });
    if (keys.size >= keysKeptMax) keys.clear();
    keys.set(of, key);
    return key;
  };
  return {
    recipient: recipientOf(deriveKey(seed, "receiver of a node")),
    sign: (bytes) => sign(null, bytes, own),
    isSigned(by, bytes, signature) {
      const key = keyOf((by === at.node ? peer : at.peerOf(by)) ?? "");
      return key !== undefined && verify(null, bytes, key, signature);
    },
  };
}
