import type { CheckerName } from "../checkers.ts";
import type { ClusterPlan } from "../cluster/plan.ts";
import type { Plan } from "../plan.ts";

/** A deliberate fault in the actors, the kernel, the journal or the replication, as a change of one place in the
 *  source. The simulator must find it: each one is an argument that the simulator would find such a fault if somebody
 *  wrote it by mistake. */
export interface Mutation {
  readonly name: string;
  readonly file: string;
  /** Occurs exactly once in the file. */
  readonly find: string;
  readonly replace: string;
  /** Checkers that may be the first to notice. */
  readonly caughtBy: readonly CheckerName[];
  /** The first seed to try: one that caught it, when most do not. Lives change with the sources, so others follow. */
  readonly from?: number;
  /** Seeds to try at most. */
  readonly seeds: number;
  /** Seeds of clusters, not of a node alone. */
  readonly cluster?: boolean;
  /** Seeds of blobs that belong to actors. */
  readonly blobs?: boolean;
  /** What the seeds do not draw, where few of them would show the fault: lives made for it. They stay as likely to show
   *  it when the sources change, which the number of a seed does not. `npm run test:long` draws everything. */
  readonly plan?: Partial<Plan> | Partial<ClusterPlan>;
  /** Seeds of a node's models. */
  readonly models?: boolean;
  /** Seeds of models that a cluster wants. */
  readonly wanted?: boolean;
  /** Seeds of models in stripes. */
  readonly striped?: boolean;
  /** Seeds of nodes that count calls and hold budgets. */
  readonly quotas?: boolean;
  /** Seeds of a room's files in copies and stripes. */
  readonly files?: boolean;
  /** Seeds of stripes and their holders. */
  readonly shards?: boolean;
  /** Seeds of a replicated directory's voters. */
  readonly raft?: boolean;
  /** Seeds of a cluster's backups. */
  readonly backups?: boolean;
  /** Seeds of a cluster's indexes of messages. */
  readonly search?: boolean;
  /** Looked for by `npm run test:long` alone: it takes many seeds. */
  readonly long?: boolean;
}

/** How long a life waits until all is well, where it is to show that it never comes to that: twice as long as it takes
 *  in any of the lives that `npm test` draws. */
export const calmMs = 80_000;

/** Lives with nothing but what an operator does in their end. */
export const calm = {
  clients: 1,
  registerClients: 1,
  commandsPerClient: 4,
  faults: {},
  faultsMs: 500,
  calmMs,
} satisfies Partial<ClusterPlan>;

/** Lives of three copies that a few clients are busy with, without what costs time and shows none of these faults. */
export const three = {
  people: 0,
  zones: 0,
  replicas: 3,
  clients: 3,
  registerClients: 3,
  thinkMs: 40,
  lingerMs: 100,
  faultMs: 200,
  faultLastsMs: 1_000,
  faultsMs: 4_000,
} satisfies Partial<ClusterPlan>;
