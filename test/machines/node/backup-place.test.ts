import { join } from "node:path";
import { expect } from "chai";
import type { AgentHistory, BackupResults, RoomHistory, RoomMessage } from "../../../protocols/index.ts";
import { createDataFolder, NodeProcess } from "../../fixtures/processes/node-process.ts";
import { plexus, runPlexus } from "../../fixtures/processes/plexus-command.ts";
import { untilTrue } from "../../waits.ts";

describe("a recall into place at a real node", function () {
  it("brings deleted and edited messages back as new entries, once, also when the node is killed on the way, and takes them back", async () => {
    await using data = await createDataFolder();
    await using outside = await createDataFolder();
    await using node = new NodeProcess(data.path);
    await node.start();
    const ada = await node.signUp("ada");
    const bob = await node.signUp("bob");
    const room = "/api/v1/rooms/harbour";
    await node.http("POST", "/api/v1/rooms", { room: "harbour" }, ada);
    await node.http("POST", `${room}/join`, {}, bob);
    const post = (text: string, token: string, more: object = {}) =>
      node.http("POST", `${room}/messages`, { text, ...more }, token);
    for (let n = 1; n <= 120; n += 1) await post(`@bob message ${n}`, n % 2 === 0 ? bob : ada);
    await post("an answer", bob, { replyTo: 3 });
    await plexus(node, "backup", "kit", "make", "--to", join(outside.path, "kit"));
    const folder = join(outside.path, "backups");
    await plexus(node, "backup", "run", "--to", folder);
    await node.http("DELETE", `${room}/messages/3`, undefined, ada);
    await node.http("PATCH", `${room}/messages/4`, { text: "changed" }, bob);
    await post("after", ada);

    const messages = async (): Promise<readonly RoomMessage[]> => {
      const all: RoomMessage[] = [];
      for (let more = true; more;) {
        const path = `${room}/messages?after=${all.at(-1)?.seq ?? 0}&limit=200`;
        const page = (await node.http("GET", path, undefined, ada)).body as RoomHistory;
        all.push(...page.messages);
        ({ more } = page);
      }
      return all;
    };
    const back = async () => (await messages()).filter(({ restored }) => restored !== undefined);
    const lived = await messages();
    const words = ["backup", "recall", "--from", folder, "--into-place", "--room", "harbour"];
    const dry = await plexus(node, ...words, "--deleted", "--existing", "edited", "--dry-run");
    expect(dry)
      .to.match(/Nothing was changed\. It would bring back 2 messages/)
      .and.match(/119: still exist unchanged/);
    expect(await messages()).to.deep.equal(lived);

    const place = async (...more: readonly string[]) =>
      JSON.parse(await plexus(node, ...words, ...more, "--json")) as BackupResults["place"];
    const first = await place("--deleted", "--existing", "edited");
    expect(first).to.deep.include({ restored: 2, threads: 1, failed: { total: 0, named: [] } });
    expect((await back()).map(({ seq, author, text, restored }) => [seq, author, text, restored?.seq])).to.deep.equal([
      [123, "user/ada", "@bob message 3", 3],
      [124, "user/bob", "@bob message 4", 4],
    ]);
    expect((await back())[0]?.mentions).to.equal(undefined);
    expect((await messages()).slice(0, lived.length)).to.deep.equal(lived);
    expect((await place("--deleted", "--existing", "edited")).restored).to.equal(0);
    expect(await plexus(node, ...words.filter((word) => word !== "--into-place"), "--undo", first.recall)).to.match(
      /2 messages of the recall .* removed/,
    );
    expect((await back()).every(({ deletedAtMs }) => deletedAtMs !== undefined)).to.equal(true);

    // Everything again, as a copy behind the rest: the node is killed when the first of it is there.
    const again = ["--existing", "again", "--deleted", "--id", "again0001"];
    const dying = runPlexus(...words, ...again, "--data", node.data);
    const count = async (): Promise<number> =>
      (await back()).filter(({ restored }) => restored?.recall === "again0001").length;
    await untilTrue("the first message is there", async () => (await count()) > 0);
    await node.end("SIGKILL");
    expect((await dying).code).to.not.equal(0);
    await node.start();
    const there = await count();
    expect(there).to.be.within(1, 120);
    const rest = await place(...again);
    expect(rest.restored).to.equal(121 - there);
    const copies = (await back()).filter(({ restored }) => restored?.recall === "again0001");
    expect(copies.map(({ restored }) => restored?.seq).toSorted((one = 0, other = 0) => one - other)).to.deep.equal(
      Array.from({ length: 121 }, (_, n) => n + 1),
    );
    const root = copies.find(({ restored }) => restored?.seq === 3);
    expect(copies.find(({ text }) => text === "an answer")?.replyTo).to.equal(root?.seq);

    // An agent that is gone comes back with its instructions, and with what was said.
    await node.http("POST", "/api/v1/agents", { name: "helper", persona: "Be brief." }, ada);
    await node.http("POST", "/api/v1/agents/ada.helper/say", { text: "Hello" }, ada);
    await plexus(node, "backup", "run", "--to", folder);
    await node.http("DELETE", "/api/v1/agents/ada.helper", undefined, ada);
    const person = ["backup", "recall", "--from", folder, "--into-place", "--actor", "agent/ada.helper"];
    const gone = await runPlexus(...person, "--data", node.data);
    expect([gone.code, gone.stdout.includes("--remake")]).to.deep.equal([1, true]);
    await plexus(node, ...person, "--remake", "--deleted");
    const agent = (await node.http("GET", "/api/v1/agents/ada.helper", undefined, ada)).body;
    expect(agent).to.include({ persona: "Be brief." });
    const { turns } = (await node.http("GET", "/api/v1/agents/ada.helper/turns", undefined, ada)).body as AgentHistory;
    expect(turns[0]).to.include({ text: "Hello", role: "user" }).and.have.nested.property("restored.seq", 1);

    const token = await node.controlToken();
    const log = JSON.stringify((await node.http("GET", "/api/v1/admin/cluster/audit", undefined, token)).body);
    for (const action of ["placeBackup", "withdrawBackup"]) expect(log).to.contain(action);
  });
});
