import type { Config } from "../../config/index.ts";
import { rootWords } from "../../node/keys/index.ts";
import { createClock } from "../../node/platform/index.ts";
import { adviceOn, standsStill } from "../../protocols/words/cluster-advice.ts";
import { describeDirectory, survivesNext } from "../../protocols/words/cluster-words.ts";
import { failureOf, type ClusterSummary, type KeysStatus } from "../../protocols/index.ts";
import { callsTo } from "../node/admin.ts";
import { readSummary } from "../cluster/cluster.ts";
import { localTarget, type ControlFile } from "../cluster/control.ts";
import { addressChecks } from "./doctor-addresses.ts";
import { backupChecks } from "./doctor-backups.ts";
import type { Check } from "./check.ts";
import { cliLimits } from "../limits.ts";
import { counted, describeRefusal } from "../terminal/output.ts";
import { withoutControls } from "../terminal/printable.ts";

/** What `plexus doctor` knows when it looks at the cluster. */
interface Seen {
  /** Of the node that runs on the data folder. */
  readonly control: ControlFile | undefined;
  /** The journal may be opened. */
  readonly isIntact: boolean;
}

/** Whether the node is still a member, and whether each address of etcd answers and holds its cluster. */
export async function clusterChecks(config: Config, seen: Seen): Promise<readonly Check[]> {
  const member = await findMember(config, seen);
  return [
    ...(await stateChecks(seen.control)),
    ...(member?.evicted === true ? [evictedCheck] : []),
    ...(await directoryChecks(config, member)),
    ...(await keyChecks(seen.control)),
    ...(await backupChecks(seen.control)),
  ];
}

/** What the node that runs says of its cluster. Nothing is said where none runs. */
async function stateChecks(control: ControlFile | undefined): Promise<readonly Check[]> {
  if (control === undefined) return [];
  const summary = await readSummary(localTarget(control));
  if (summary.ok) return [...stateChecksOf(summary.value), ...(await addressChecks(summary.value))];
  const says = `the node that runs here says nothing of it: ${describeRefusal(summary.error)}`;
  return [{ name: clusterName, state: "bad", says, hint: "See plexus status." }];
}

const clusterName = "Cluster";

/** Judges what a node says of its cluster: a directory that does not answer, or takes no change, is bad, whatever else
 *  goes on. */
export function stateChecksOf(summary: ClusterSummary): readonly Check[] {
  const advice = adviceOn(summary);
  const voters = votersChecksOf(summary);
  if (advice.length === 0) {
    const says = `${counted(summary.nodes.length, "node")} up, and the directory answers`;
    return [{ name: clusterName, state: "good", says }, ...voters];
  }
  const state = standsStill(summary) ? "bad" : "warning";
  return [...advice.map((says): Check => ({ name: clusterName, state, says })), ...voters];
}

/** The nodes that keep the directory together, and whether the next death is survived. Where it does not answer, or
 *  takes no change, that is said. */
function votersChecksOf(summary: ClusterSummary): readonly Check[] {
  if (summary.directory.kind !== "replicated" || standsStill(summary)) return [];
  const [name = "", says = ""] = describeDirectory(summary).split(/: (.*)/);
  return [{ name, state: survivesNext(summary) ? "good" : "warning", says }];
}

/** Whether the directory has the root of the keys that the node knows. Nothing is said where a node runs that knows
 *  none. */
async function keyChecks(control: ControlFile | undefined): Promise<readonly Check[]> {
  if (control === undefined) return [];
  const target = localTarget(control);
  const answer = await callsTo(target)("keys.status");
  return answer.ok ? keyCheckOf(answer.value) : [];
}

/** Judges what a node says of its keys. */
function keyCheckOf({ cluster, root, refused }: KeysStatus): readonly Check[] {
  const name = "Keys";
  if (refused !== undefined)
    return [
      {
        name,
        state: "bad",
        says: withoutControls(refused.reason),
        hint: "See plexus backup keys, and docs/backup/keys.md, Keys.",
      },
    ];
  return root === undefined ? [] : [{ name, state: "good", says: `kit ${rootWords(cluster, root)}` }];
}

/** Whose the data folder is, as its node or the folder itself says. */
interface Member {
  readonly cluster: string;
  readonly node: string;
  /** Where the cluster's directory is, if in etcd. */
  readonly endpoints: readonly string[] | undefined;
  /** See `DirectoryInfo`. */
  readonly generation: number | undefined;
  readonly evicted: boolean;
}

/** Undefined for a folder that is new, and where nobody can say. */
async function findMember(
  { data: dataFolder, diskKey: keyFile }: Config,
  { control, isIntact }: Seen,
): Promise<Member | undefined> {
  if (control !== undefined) {
    const summary = await readSummary(localTarget(control));
    if (!summary.ok) return undefined;
    const { cluster, directory, nodes } = summary.value;
    const node = nodes.find(({ self }) => self)?.node ?? "";
    return { cluster, node, ...placeIn(directory), evicted: false };
  }
  // What is damaged was told, and to open it may end the process.
  if (!isIntact) return undefined;
  const { readMember } = await import("./doctor-journal.ts");
  const member = await readMember(dataFolder, keyFile);
  if (member === undefined) return undefined;
  const { cluster, directory, selfEvicted } = member.home;
  return { cluster, node: member.node, ...placeIn(directory), evicted: selfEvicted === true };
}

interface PlaceInEtcd {
  readonly kind: string;
  readonly endpoints?: readonly string[];
  readonly generation?: number;
}

/** Where it is in etcd, if it is there. */
const placeIn = ({ kind, endpoints, generation }: PlaceInEtcd): Pick<Member, "endpoints" | "generation"> => ({
  endpoints: kind === "etcd" ? endpoints : undefined,
  generation: kind === "etcd" ? generation : undefined,
});

const evictedCheck: Check = {
  name: "Membership",
  state: "bad",
  says: "this node was evicted from its cluster, or the directory was recovered without it",
  hint:
    "To take part again it needs an empty data folder (--data) and an invitation. If nobody did either, keep " +
    "this one: " +
    "docs/operate/directory.md.",
};

/** Whether an etcd that answers, and has no cluster yet, can take one. */
async function suitability(name: string, endpoint: string): Promise<Check> {
  const { isSupportedEtcd } = await import("../../node/cluster/directory/index.ts");
  const signal = AbortSignal.timeout(cliLimits.etcdTimeoutMs);
  const response = await fetch(new URL("/version", endpoint), { signal });
  const { etcdserver } = (await response.json()) as { readonly etcdserver?: unknown };
  const version = String(etcdserver);
  return isSupportedEtcd(version)
    ? { name, state: "good", says: `${endpoint} answers and has a leader (${version})` }
    : { name, state: "bad", says: `${endpoint} is etcd ${version}`, hint: "It must be 3.4 or newer." };
}

/** What an etcd that answers holds of the cluster. */
async function holdingOf(endpoint: string, { cluster, node, generation }: Member): Promise<Omit<Check, "name">> {
  const [{ createEtcdDirectory }, { etcdPrefix }, { listMembers }] = await Promise.all([
    import("../../node/cluster/directory/index.ts"),
    import("../../node/data-folder/home.ts"),
    import("../../node/cluster/facts/records.ts"),
  ]);
  const silent = () => {};
  const log = { debug: silent, info: silent, warn: silent, error: silent };
  const directory = createEtcdDirectory({
    endpoints: [endpoint],
    prefix: etcdPrefix(cluster, generation),
    clock: createClock(),
    log,
  });
  try {
    const members = await listMembers(directory);
    if (members.some((member) => member.node === node))
      return { state: "good", says: `${endpoint} answers, has a leader and holds this cluster` };
    const hint =
      "It was evicted, or etcd was restored from before it joined: docs/operate/directory.md, etcd lost or restored.";
    return { state: "bad", says: `${endpoint} holds this cluster, and this node is not in its list`, hint };
  } catch (thrown) {
    const { code, details } = failureOf(thrown);
    const { because } = details ?? {};
    return {
      state: "bad",
      says: typeof because === "string" ? because : code,
      hint: "See docs/operate/directory.md, etcd lost or restored.",
    };
  } finally {
    directory.close();
  }
}

/** Each member of etcd has a page that says whether it takes writes. Where the cluster's directory is in etcd, each has
 *  to hold it as well. */
async function directoryChecks({ directory }: Config, member: Member | undefined): Promise<readonly Check[]> {
  const endpoints = directory.kind === "etcd" ? directory.endpoints : (member?.endpoints ?? []);
  return await Promise.all(
    endpoints.map(async (endpoint): Promise<Check> => {
      const name = "etcd";
      try {
        const signal = AbortSignal.timeout(cliLimits.etcdTimeoutMs);
        const response = await fetch(new URL("/health", endpoint), { signal });
        const { health } = (await response.json()) as { readonly health?: unknown };
        if (String(health) === "true" && member?.endpoints !== undefined)
          return { name, ...(await holdingOf(endpoint, member)) };
        if (String(health) === "true") return await suitability(name, endpoint);
        return {
          name,
          state: "bad",
          says: `${endpoint} answers, but takes no writes`,
          hint: "Read etcd's own log.",
        };
      } catch (thrown) {
        const { cause } = thrown as { readonly cause?: unknown };
        const says = `${endpoint}: ${describeRefusal(cause ?? thrown)}`;
        return {
          name,
          state: "bad",
          says,
          hint: "Most of its members must answer; without them no node takes over for another.",
        };
      }
    }),
  );
}
