import { expect } from "chai";
import { createNodeTasks } from "../../../node/tasks/node-tasks.ts";
import { ok } from "../../../protocols/index.ts";

describe("tasks of a node's disk, as other nodes end them", () => {
  it("are ended by the message that needs `keys.manage`, and by no other", async () => {
    const heard = new Map<string, (asked: { readonly id: string }) => unknown>();
    const sent: unknown[] = [];
    const ended: string[] = [];
    const tasks = createNodeTasks({
      place: { node: "n1", name: "one" } as never,
      sources: [{ list: () => [], cancel: (id: string) => (ended.push(id), ok(null)) }] as never,
      exchange: {
        on: (name: string, handle: (asked: { readonly id: string }) => unknown) => heard.set(name, handle),
        call: async (...call: unknown[]) => (sent.push(call.slice(0, 3)), ok(null)),
      } as never,
      membership: { members: () => ({ members: [{ node: "n2" }] }), isUp: () => true } as never,
    });
    const hear = (name: string, id: string) => heard.get(name)?.({ id });
    expect(hear("task.cancel", "disk-1")).to.have.nested.property("error.code", "NOT_FOUND");
    expect(hear("task.turnDisk", "a1")).to.have.nested.property("error.code", "NOT_FOUND");
    expect(ended).to.deep.equal([]);
    hear("task.cancel", "a1");
    hear("task.turnDisk", "disk-1");
    expect(ended).to.deep.equal(["a1", "disk-1"]);
    await tasks.cancel("disk.n2.disk-1");
    await tasks.cancel("pull.n2.a1");
    expect(sent).to.deep.equal([
      ["n2", "task.turnDisk", { id: "disk-1" }],
      ["n2", "task.cancel", { id: "a1" }],
    ]);
  });
});
