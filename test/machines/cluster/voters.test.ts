import { expect } from "chai";
import type { AuditPage, ClusterSummary, DirectoryInfo } from "../../../protocols/index.ts";
import { check } from "../../fixtures/processes/cluster-checks.ts";
import { Load, rooms } from "../../fixtures/processes/cluster-load.ts";
import { ClusterProcesses, worker, type NodeSpec } from "../../fixtures/processes/cluster-processes.ts";
import { decommission } from "../../fixtures/processes/cluster-trouble.ts";
import { everybodyWrites, healthy, progress, until } from "../../fixtures/processes/cluster-waits.ts";
import { depth } from "../../depth.ts";
import { isolate, layings, type Links } from "../../fixtures/processes/links.ts";
import type { NodeProcess } from "../../fixtures/processes/node-process.ts";

type Replicated = Extract<DirectoryInfo, { readonly kind: "replicated" }>;

const manager = (name: string): NodeSpec => ({ name, roles: "manager,chat,gateway" });

/** Waits until so many vote, all of whom are up, and one leads; answers by names. */
function voting(
  cluster: ClusterProcesses,
  voters: number,
  phase: string,
  asked: readonly NodeProcess[] = cluster.nodes,
): Promise<{ readonly leader: string; readonly voters: readonly string[] }> {
  return until(`${phase}: ${voters} vote`, async () => {
    const node = asked.find((one) => one.isUp);
    if (node === undefined) throw new Error("nobody to ask");
    const { directory, nodes } = (await cluster.admin(
      "GET",
      "/api/v1/admin/cluster/summary",
      undefined,
      node,
    )) as ClusterSummary;
    const nameOf = (id: string): string => nodes.find((one) => one.node === id)?.name ?? id;
    const { kind, leader, voters: now = [] } = directory as Partial<Replicated> & Pick<DirectoryInfo, "kind">;
    const isUp = (id: string): boolean => nodes.some((one) => one.node === id && one.up);
    if (kind !== "replicated" || leader === undefined || !isUp(leader) || now.length !== voters)
      throw new Error(JSON.stringify(directory));
    return { leader: nameOf(leader), voters: now.map(nameOf) };
  });
}

interface Scene {
  readonly cluster: ClusterProcesses;
  readonly load: Load;
  readonly links: Links;
  /** How many vote. */
  readonly voters: number;
}

/** What happens to a node; each gives what makes it well again. */
const harms = {
  async "is killed"({ cluster }: Scene, name: string) {
    await cluster.named(name).end("SIGKILL");
    return () => cluster.named(name).start();
  },
  async "is stopped"({ cluster, load }: Scene, name: string) {
    cluster.named(name).signal("SIGSTOP");
    load.avoid(cluster.named(name));
    return Promise.resolve(() => {
      cluster.named(name).signal("SIGCONT");
      load.avoid(undefined);
      return Promise.resolve();
    });
  },
  async "is cut off"({ cluster, load, links }: Scene, name: string) {
    isolate(links, name, cluster.names);
    load.avoid(cluster.named(name));
    return Promise.resolve(() => {
      links.mend();
      load.avoid(undefined);
      return Promise.resolve();
    });
  },
} as const;
type Harm = keyof typeof harms;

/** Which node it happens to, by its name. */
const subjects = {
  "the first node": ({ cluster }: Scene) => Promise.resolve(cluster.names[0] as string),
  /** Leader and owner in one. */
  async "whoever leads and owns a room"(scene: Scene) {
    const { leader } = await voting(scene.cluster, scene.voters, "before");
    await until("a room moves to the leader", () => scene.cluster.move("actors/room/lobby", leader));
    return leader;
  },
  async "a voter that does not lead"(scene: Scene) {
    const { leader, voters } = await voting(scene.cluster, scene.voters, "before");
    return voters.find((name) => name !== leader && name !== scene.cluster.names[0]) as string;
  },
} as const;
type Subject = keyof typeof subjects;

/** Everything that asks the directory does without one node. */
async function goesOnWithout(
  { cluster, load, voters }: Scene,
  name: string,
  phase: string,
): Promise<readonly NodeProcess[]> {
  const others = cluster.nodes.filter((node) => node !== cluster.named(name));
  const [asked] = others as [NodeProcess];
  await everybodyWrites(load, phase);
  const { leader } = await voting(cluster, voters, phase, others);
  expect(leader, `${phase}: leads`).to.not.equal(name);
  const to = cluster.names[cluster.nodes.indexOf(others.at(-1) as NodeProcess)];
  await until(`${phase}: a room moves`, () => cluster.move("actors/room/kitchen", to!, { by: asked }));
  return others;
}

/** Somebody joins at the leader, is drained and leaves while a node is away; the audit says so then. */
async function comesAndGoes({ cluster, load, voters }: Scene, others: readonly NodeProcess[]): Promise<void> {
  const { leader } = await voting(cluster, voters, "a guest comes", others);
  const asked = cluster.named(leader);
  await cluster.add(worker("guest"), asked);
  await until("the guest has its share", async () => {
    const { nodes } = (await cluster.admin("GET", "/api/v1/admin/cluster/summary", undefined, asked)) as ClusterSummary;
    const row = nodes.find(({ name }) => name === "guest");
    if (row === undefined || row.slotsOwned === 0) throw new Error(JSON.stringify(row));
  });
  await decommission(cluster, load, "guest", asked);
  await until("the audit has it", async () => {
    const { entries } = (await cluster.admin("GET", "/api/v1/admin/cluster/audit", undefined, asked)) as AuditPage;
    const actions = entries.map(({ action }) => action);
    for (const action of ["invite", "join", "drain", "evict"]) expect(actions).to.include(action);
  });
}

/** Does each to the cluster, one after the other, and sees that it goes on meanwhile and heals. */
async function suffer(scene: Scene, what: readonly (readonly [Subject, Harm])[]): Promise<void> {
  const { cluster, load } = scene;
  for (const [place, [subject, harm]] of what.entries()) {
    const phase = `${subject} ${harm}`;
    await healthy(cluster, `before ${phase}`);
    const name = await subjects[subject](scene);
    const heal = await harms[harm](scene, name);
    try {
      const others = await goesOnWithout(scene, name, phase);
      if (place === 0) await comesAndGoes(scene, others);
    } finally {
      await heal();
    }
    await healthy(cluster, `after ${phase}`);
    await everybodyWrites(load, `after ${phase}`);
  }
  await Promise.all(cluster.nodes.map((node) => node.end("SIGKILL")));
  await Promise.all(cluster.nodes.map((node) => node.start()));
  await everybodyWrites(load, "all were dead");
  await voting(cluster, scene.voters, "all were dead");
}

const everything = (Object.keys(harms) as Harm[]).flatMap((harm) =>
  (Object.keys(subjects) as Subject[]).map((subject) => [subject, harm] as const),
);

describe("a cluster of real processes whose managers keep the directory together", () => {
  const laying = layings.find(({ missing }) => missing() === undefined);
  if (laying === undefined) {
    it.skip(`is not tested: ${layings.map(({ missing }) => missing()).join("; ")}`, () => undefined);
    return;
  }

  it("of three goes on without any one of them: killed, stopped or cut off, the leader and a room's owner as well; others come and go meanwhile", async () => {
    await using links = await laying.lay();
    await using cluster = await ClusterProcesses.start(["first", "one", "two"].map(manager), links);
    using load = await Load.begin(cluster);
    await voting(cluster, 3, "the start");
    await progress(load, 50, "the start");
    const some = [everything[0], everything[1], everything[4], everything[7]] as typeof everything;
    await suffer({ cluster, load, links, voters: 3 }, depth(some, everything));
    await load.end();
    await check(load);
  });

  if (depth(false, true))
    it("grows from one to five, goes on without any one of them, and shrinks to one, under load; loses, doubles and reorders nothing", async () => {
      await using links = await laying.lay();
      await using cluster = await ClusterProcesses.start([manager("first")], links);
      using load = await Load.begin(cluster);
      await cluster.add(manager("one"));
      await cluster.add(manager("two"));
      await voting(cluster, 3, "three managers");
      await cluster.admin("PUT", "/api/v1/admin/cluster/directory/voters", { wanted: 5 });
      await cluster.add(manager("three"));
      await cluster.add(manager("four"));
      await voting(cluster, 5, "five managers");
      await suffer({ cluster, load, links, voters: 5 }, everything);
      for (const [name, left] of [["four", 3], ["three", 3], ["two", 1], ["one", 1]] as const) {
        await decommission(cluster, load, name);
        await voting(cluster, left, `${name} has gone`);
        await everybodyWrites(load, `${name} has gone`);
      }
      await load.end();
      await check(load, rooms);
    }); // prettier-ignore
});
