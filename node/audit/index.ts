/** The audit of a node: an append-only log of every act that matters for security, which cannot be altered, shortened
 *  or reordered without being found. docs/decisions/0073-audit.md says why it is as it is.
 *
 *      parts of the node ── write ──► own log (writer.ts) ──► store (book.ts) ◄── copies of other nodes' logs
 *                                        │ chained by hashes, sealed by signed heads (chain.ts)        ▲
 *                                        └──► listeners: detectors, the sender to other systems        │
 *      page, terminal ◄── search (search.ts) ◄── all logs that are here                     keeping.ts over the mesh
 *      file ◄── export, verified offline (verify.ts)
 *
 *  Each node writes its own log, so it writes also while it is cut off, and nobody else's disk or key is in the way. */
export type { AuditLimits } from "./limits.ts";
export { tellCluster, type Changed } from "./changes.ts";
export { auditInCopy } from "./copy.ts";
export { createAudit, type Audit } from "./audit.ts";
export { handleAudit, handleClusterAudit, type AuditViews, type MemoryAudit } from "./operations.ts";
export { keepersOf } from "./keeping.ts";
export { verifyExport, type Anchors, type AuditFinding, type AuditProof } from "./verify.ts";
export type { AuditSigner } from "./writer.ts";
