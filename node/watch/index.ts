/** The watch over the cluster: what the audit of all nodes and their counts show of attacks and of mistakes, found
 *  while it happens (docs/decisions/0083-watching-for-trouble.md).
 *
 *      logs of all nodes ─ watcher.ts ─► fold.ts ─► detectors.ts: (row, entry) → (row, found)     pure, a row a subject
 *      (node/audit), what    │  ▲             └───► counts.ts: (row, what a node has counted) → (row, found)
 *      nodes count           │  │
 *                    advance ▼  │ take: cursors and rows
 *                        watch/cluster (actors/watch): alerts, cursors, rows, plan; replicated
 *                            │ orders                      ▲ rules (rules.ts), thresholds, playbooks: admins
 *                            └─► runs.ts, acting.ts, mailing.ts: what playbooks do, beside the reading
 *
 *  One node watches at a time, the one that owns the actor's slot. A step of the watcher is one append of the actor:
 *  cursors, rows and findings are on the disks of all copies together, or none of them is. So the next watching node
 *  goes on with the next entry, and remembers what was remembered.
 *
 *  What a detector remembers of one subject is one small row, and there are at most so many rows: an attacker who makes
 *  up names pushes out other made-up names. */
export { watchLimits } from "./limits.ts";
export { handleAlerts } from "./operations.ts";
export { handlePlaybooks } from "./playbook-operations.ts";
export { handleWatch } from "./watch-operations.ts";
export { openWatch } from "./here.ts";
