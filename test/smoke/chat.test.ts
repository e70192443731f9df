import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { openCommands } from "../fixtures/processes/commands.ts";

describe("plexus chat in pipes", () => {
  const commands = openCommands();
  const { folder, run, up, stop } = commands;
  after(() => commands.close());

  it("lets people sign up, talk in a room and with an agent through pipes", async () => {
    const { child, ready } = await up();
    const code = ready.adminCode ?? "";
    const first = await run(
      ["chat", "--url", ready.url, "--user", "ada", "--sign-up", "--admin-code", code],
      "/create den The Den\nhello\n/reply 1 to myself\n/status 🚆 on a train\n/who\n",
    );
    expect(first.err).to.equal("");
    expect(first.code).to.equal(0);
    expect(first.out)
      .to.match(/#1 ada: hello\n[\s\S]*ada owner, active/)
      .and.match(/#2 ada in the thread of #1, 1 reply: to myself/);
    expect(statSync(join(folder, "config/plexus/session.json")).mode & 0o777).to.equal(0o600);

    // Signed in from the kept session now; the sequence of what was said is in every reader's stream.
    // What was said before is none of a pipe's business until it asks.
    const place = ["chat", "--data", join(folder, "data"), "--room", "den"];
    const said = await run([...place, "--json"], "third\n/history 2\n");
    const seen = said.out
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, { message?: { seq: number }; seq?: number }>);
    const numbers = seen.map((entry) => entry["message"]?.seq ?? entry["event"]?.message?.seq);
    // The second message is in its thread alone.
    expect(numbers).to.deep.equal([3, 1, 3]);
    expect((await run(place, "fourth\n")).out).to.match(/^\d\d:\d\d #4 ada: fourth\n$/);
    const nowhere = await run(["chat", "--data", join(folder, "none"), "--room", "den"], "x\n");
    expect(nowhere.code).to.equal(3);
    expect(nowhere.err).to.include("no node runs on this data folder");

    const agent = await run(["chat", "--url", ready.url], "/agent helper Be kind.\nGood morning\n");
    expect(agent.code).to.equal(0);
    expect(agent.out).to.match(/ada\.helper: \S+/);

    const wrong = await run(["chat", "--url", ready.url, "--room", "nowhere"]);
    expect(wrong.code).to.equal(1);
    expect(wrong.err).to.match(/^error NOT_FOUND/);
    expect((await run(["actors", "show", "room/den", "--url", ready.url, "--json"])).code).to.equal(0);
    expect((await run(["chat", "--url", ready.url], "/signout\n")).code).to.equal(0);
    expect(readFileSync(join(folder, "config/plexus/session.json"), "utf8")).to.equal("{}\n");
    expect(await stop(child, "SIGINT")).to.equal(0);
  });
});
