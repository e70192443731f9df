/** How long a node waits for other nodes, on machines that are slower than most: the limits that grow with
 *  `limits.patience`.
 *
 *  Only waits are here whose end says that something is lost: a peer, a copy, an answer. Pauses between attempts, and
 *  how often a node is heard of, stay what they are: a patient node notices a death later, and otherwise works as fast
 *  as any. */
import { directoryLimits, type DirectoryLimits } from "../cluster/directory/index.ts";
import { gatewayLimits, type GatewayLimits } from "../gateway/index.ts";
import { callLimits, type CallLimits } from "../inference/calls/index.ts";
import { kernelLimits, type KernelLimits } from "../kernel/index.ts";
import { membershipLimits, type MembershipLimits } from "../cluster/membership/index.ts";
import type { MeshLimits } from "../cluster/mesh/index.ts";
import { placementLimits, type PlacementLimits } from "../cluster/placement/index.ts";
import { replicationLimits, type ReplicationLimits } from "../replication/index.ts";
import { routingLimits, type RoutingLimits } from "../routing/index.ts";

/** Limits by the module that has them. */
const patient = {
  membership: ["silenceMinMs", "silenceMaxMs", "stallMs", "reconnectGraceMs", "slowDiskMs"],
  directory: ["callTimeoutMs", "electionTicks", "leaderAskMs", "leavingMs", "leaveMs"],
  kernel: ["splitTimeoutMs", "slotOpeningWaitMs"],
  // What follows from how long a peer may be silent grows with it: `settleMs`, `disputeMs`.
  placement: ["settleMs", "disputeMs", "standInMs", "surveyTimeoutMs", "loadTimeoutMs", "voteLeavesMs"],
  replication: [
    "replicaTimeoutMs",
    "reconcileTimeoutMs",
    "watchTimeoutMs",
    "queryTimeoutMs",
    "transferTimeoutMs",
    "drainTimeoutMs",
    "cutWaitMs",
  ],
  routing: ["directoryPatienceMs", "actorsTimeoutMs", "identityAskTimeoutMs", "identityHoldMs"],
  calls: ["callGraceMs"],
  gateway: [
    "askTimeoutMs",
    "signUpTimeoutMs",
    "directoryAwayTimeoutMs",
    "sumsTimeoutMs",
    "upgradeTimeoutMs",
    "closeTimeoutMs",
    "adminRoomTimeoutMs",
  ],
} as const satisfies {
  readonly membership: readonly (keyof MembershipLimits)[];
  readonly directory: readonly (keyof DirectoryLimits)[];
  readonly kernel: readonly (keyof KernelLimits)[];
  readonly placement: readonly (keyof PlacementLimits)[];
  readonly replication: readonly (keyof ReplicationLimits)[];
  readonly routing: readonly (keyof RoutingLimits)[];
  readonly calls: readonly (keyof CallLimits)[];
  readonly gateway: readonly (keyof GatewayLimits)[];
};

const usual = {
  membership: membershipLimits,
  directory: directoryLimits,
  kernel: kernelLimits,
  placement: placementLimits,
  replication: replicationLimits,
  routing: routingLimits,
  calls: callLimits,
  gateway: gatewayLimits,
} as const;

const ofMesh = [
  "handshakeTimeoutMs",
  "dialTimeoutMs",
  "stallTimeoutMs",
  "silenceTimeoutMs",
  "joinRequestTimeoutMs",
  "joinTimeoutMs",
  "joinPatienceMs",
  "closeTimeoutMs",
] as const satisfies readonly (keyof MeshLimits)[];

/** The limits of each module that differ from its usual ones. */
type PatientLimits = {
  readonly [M in keyof typeof patient]: { readonly [K in (typeof patient)[M][number]]?: number };
};

const grown = <K extends string>(
  limits: Readonly<Record<K, number>>,
  names: readonly K[],
  patience: number,
): Partial<Record<K, number>> => {
  const pairs = patience === 1 ? [] : names.map((name) => [name, Math.ceil(limits[name] * patience)]);
  return Object.fromEntries(pairs) as Partial<Record<K, number>>;
};

/** What a node with this patience (1 to 10) waits; with 1 nothing differs from what is usual. */
export function patientLimits(patience: number): PatientLimits {
  const modules = Object.keys(patient) as readonly (keyof typeof patient)[];
  return Object.fromEntries(
    modules.map((module) => [module, grown<string>(usual[module] as never, patient[module], patience)]),
  ) as PatientLimits;
}

/** The same for the mesh, which is loaded late and brings its limits. */
export const patientMesh = (limits: MeshLimits, patience: number): MeshLimits => ({
  ...limits,
  ...grown(limits, ofMesh, patience),
});
