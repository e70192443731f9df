import { createRemoteDirectory, serveDirectory } from "../../node/cluster/directory/index.ts";
import { createVoterWire } from "../../node/cluster/directory/raft/lines.ts";
import { openVoter, type Voter } from "../../node/cluster/directory/raft/voter.ts";
import { createClock } from "../../node/platform/index.ts";
import { quietLog } from "../fixtures/quiet.ts";
import { Links } from "../world/index.ts";
import { MemoryStore } from "./directory-store.ts";
import { directoryConformance } from "./directory.ts";

const clock = createClock();
const nodes = ["one", "two", "three"];

directoryConformance("replicated by three voters", () => {
  const links = new Links(clock);
  const voters = new Map<string, Voter>();
  let last = "";
  return {
    open: async (clients) => {
      let leads: (node: string) => void;
      const leader = new Promise<string>((resolve) => (leads = resolve));
      for (const [seed, node] of nodes.entries()) {
        const exchange = links.exchange(node);
        const members = { voters: nodes, learners: [] };
        const founding = { generation: 1, begun: { members, image: { revision: 0, rows: [] } } };
        const ports = {
          node,
          store: new MemoryStore(),
          lines: createVoterWire(exchange, clock).lines(1),
          clock,
          log: quietLog,
          seed: 1 + seed * 1_000_003,
        };
        const voter = await openVoter(ports, founding);
        serveDirectory(exchange, voter.directory);
        voter.onLeader((now) => now === node && leads(node));
        voters.set(node, voter);
        for (const other of nodes.slice(0, seed)) links.link(other, node);
      }
      await leader;
      const leading = (): string | undefined => [...voters].find(([, voter]) => voter.state()?.role === "leader")?.[0];
      return Array.from({ length: clients }, (_, index) => {
        last = `node-${index}`;
        const remote = createRemoteDirectory(links.exchange(last), leading, { clock });
        for (const node of nodes) links.link(node, last);
        return remote;
      });
    },
    gap: async (meanwhile) => {
      for (const node of nodes) links.cut(node, last);
      await meanwhile();
      for (const node of nodes) links.link(node, last);
    },
    end: async () => {
      for (const voter of voters.values()) await voter.stop();
    },
  };
});
