/** Several real nodes, each in a process of its own, that joined one another by invitation. */
import { createDataFolder, NodeProcess } from "./node-process.ts";

export interface NodeSpec {
  readonly name: string;
  readonly roles: string;
  readonly flags?: readonly string[];
}

export class ClusterProcesses {
  readonly nodes: NodeProcess[] = [];
  readonly names: string[] = [];
  readonly #folders: Awaited<ReturnType<typeof createDataFolder>>[] = [];

  /** Starts the first as the founder, then the others one after the other. */
  static async start(specs: readonly NodeSpec[]): Promise<ClusterProcesses> {
    const cluster = new ClusterProcesses();
    try {
      for (const spec of specs) await cluster.add(spec);
    } catch (error) {
      await cluster[Symbol.asyncDispose]();
      throw error;
    }
    return cluster;
  }

  get first(): NodeProcess {
    return this.node(0);
  }

  node(index: number): NodeProcess {
    const node = this.nodes[index];
    if (node === undefined) throw new Error(`no node ${index}`);
    return node;
  }

  named(name: string): NodeProcess {
    return this.node(this.names.indexOf(name));
  }

  /** Admits one more node and starts it. */
  async add({ name, roles, flags = [] }: NodeSpec): Promise<NodeProcess> {
    const folder = await createDataFolder();
    this.#folders.push(folder);
    const own = ["--model", "echo", "--context-tokens", "100000", "--name", name, "--role", roles, "--mesh-port", "0"];
    const join = this.nodes.length === 0 ? [] : ["--join", await this.invite(roles)];
    const node = new NodeProcess(folder.path, [...own, ...flags, ...join]);
    this.nodes.push(node);
    this.names.push(name);
    await node.start();
    return node;
  }

  async invite(roles: string): Promise<string> {
    const body = { roles: roles.split(",") };
    const answer = await this.admin("POST", "/api/admin/cluster/invitations", body);
    return (answer as { token: string }).token;
  }

  /** Asks as the operator of one node; throws what it refuses. */
  async admin(method: string, path: string, body?: unknown, node: NodeProcess = this.first): Promise<unknown> {
    const answer = await node.http(method, path, body, await node.controlToken());
    if (answer.status >= 300) throw new Error(`${method} ${path}: ${JSON.stringify(answer.body)}`);
    return answer.body;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.end("SIGKILL")));
    for (const folder of this.#folders) await folder[Symbol.asyncDispose]();
  }
}
