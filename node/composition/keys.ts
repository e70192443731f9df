/** The audit of this node, on the real ports. */
import type { Config } from "../../config/index.ts";
import { auditActionOf, auditDone, type AuditAction, type AuditWriter } from "../../protocols/index.ts";
import { createAudit, type Audit, type AuditSigner } from "../audit/index.ts";
import { sinkContext } from "../cluster/facts/audit-rules.ts";
import { destinationOf, type Seals } from "../cluster/facts/secrets.ts";
import { deliver } from "../platform/index.ts";
import { audit } from "../accounts/cluster-memory.ts";
import type { Identity } from "./identity.ts";
import type { Machine } from "./machine.ts";
import type { Peer } from "./peer.ts";
import type { Stops } from "../stops.ts";

/** Opens it. */
export async function openAudit(
  config: Config,
  at: { readonly machine: Machine; readonly identity: Identity; readonly stops: Stops },
): Promise<Audit> {
  const { node, store, own } = at.identity;
  const audit = await createAudit({ ...at.machine, store, node, name: () => own.name, signer: signerOf(config) });
  at.stops.add(async () => {
    await audit.write({ action: "stopNode", by: `node/${own.name}`, outcome: auditDone }).catch(() => undefined);
    await audit.stop();
  });
  return audit;
}

/** From now on others have copies of it, and it is sent where admins say. */
export function joinAudit(
  own: Audit,
  at: { readonly peer: Peer; readonly secrets: Seals; readonly name: string; readonly version: string },
): void {
  const { peer, secrets, name, version } = at;
  const { sinks, retention } = peer.auditRules;
  const tell = (action: string, facts: Readonly<Record<string, string>>): void =>
    audit(peer.kernel, { action, by: name, facts, tell: { people: [], admins: true } });
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

/** The key of this node. What it needs is loaded when the first head is signed. */
function signerOf(config: Config): AuditSigner {
  const mesh = () => import("../cluster/mesh/index.ts");
  let own: ReturnType<Awaited<ReturnType<typeof mesh>>["openNodeKey"]> | undefined;
  const key = async () => (own ??= (await mesh()).openNodeKey(config.data));
  return {
    peer: async () => (await key()).peer,
    sign: async (bytes) => (await mesh()).signWith(await key(), bytes),
    isSigned: async (peer, bytes, signature) => (await mesh()).isSignedBy(peer, bytes, signature),
  };
}
