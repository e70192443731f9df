import { join } from "node:path";
import type { Role } from "../../protocols/index.ts";

/** One node of the demonstration. */
export interface DemoNode {
  readonly name: string;
  readonly roles: readonly Role[];
  readonly labels: Readonly<Record<string, string>>;
  /** Its data folder. */
  readonly data: string;
  /** Where its log goes. */
  readonly log: string;
  readonly port: number;
  readonly meshPort: number;
  /** What this node is there to show. */
  readonly says: string;
}

/** The whole demonstration, before anything is started. */
export interface DemoPlan {
  readonly folder: string;
  /** The first one begins the directory; the others join it, and keep it with it. */
  readonly nodes: readonly [DemoNode, ...DemoNode[]];
  readonly user: string;
  readonly room: string;
  readonly agent: string;
}

/** All are managers, so that the directory is on all three and any of them may die. Two hold rooms and run the model,
 *  so that either can die and people and agents go on. */
const cast: readonly Pick<DemoNode, "name" | "roles" | "says">[] = [
  { name: "node-a", roles: ["manager", "gateway"], says: "keeps the directory with the others; holds no rooms" },
  {
    name: "node-b",
    roles: ["manager", "chat", "ai", "gateway"],
    says: "holds rooms, people and agents, and runs the model",
  },
  { name: "node-c", roles: ["manager", "chat", "ai", "gateway"], says: "the same, so that either of the two can fail" },
];

/** Two ports a node: for people and for nodes. */
export const demoPorts = cast.length * 2;

/** The nodes that are started, and where. */
export function planDemo(folder: string, ports: readonly number[]): DemoPlan {
  const nodes = cast.map((node, index): DemoNode => {
    const [port, meshPort] = [ports[index * 2], ports[index * 2 + 1]];
    if (port === undefined || meshPort === undefined) throw new RangeError(`needs ${demoPorts} ports`);
    const place = { data: join(folder, node.name), log: join(folder, `${node.name}.log`) };
    return { ...node, labels: { zone: node.name.slice(-1) }, ...place, port, meshPort };
  });
  const [first, ...others] = nodes;
  if (first === undefined) throw new RangeError("a cluster has nodes");
  return { folder, nodes: [first, ...others], user: "demo", room: "lobby", agent: "helper" };
}

/** The arguments of `plexus` that start a node; `token` when it is not in the cluster yet. */
export function argumentsOf(node: DemoNode, token?: string): readonly string[] {
  return [
    "up",
    "--data",
    node.data,
    "--name",
    node.name,
    ...node.roles.flatMap((role) => ["--role", role]),
    ...Object.entries(node.labels).flatMap(([name, value]) => ["--label", `${name}=${value}`]),
    "--port",
    String(node.port),
    "--mesh-port",
    String(node.meshPort),
    ...(token === undefined ? [] : ["--join", token]),
  ];
}

/** The environment of a node: ours without what would configure it. */
export const environmentFor = (environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv =>
  Object.fromEntries(Object.entries(environment).filter(([name]) => !name.startsWith("PLEXUS_")));
