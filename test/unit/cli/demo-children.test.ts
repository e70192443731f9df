import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { createDemoChildren, type DemoEnd } from "../../../cli/demo/children.ts";
import { demoPorts, planDemo, type DemoNode } from "../../../cli/demo/plan.ts";
import { failureOf } from "../../../protocols/index.ts";

/** Fixtures in for `plexus up`: says that it is ready, or why not, and ends as a node would. */
const program = `
const { argv } = process;
const name = argv[argv.indexOf("--name") + 1];
process.stderr.write("log of " + name + "\\n");
if (name === "broken") process.exit(3);
process.on("SIGTERM", () => process.exit(0));
process.on("disconnect", () => process.exit(0));
console.log(JSON.stringify({ event: "ready", url: "http://" + name, adminCode: argv.includes("--join") ? undefined : "CODE" }));
`;

describe("the processes of the demonstration", () => {
  let folder: string;
  let main: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "plexus-children-"));
    main = join(folder, "main.mjs");
    await writeFile(main, program);
  });
  after(() => rm(folder, { recursive: true }));

  const nodes = (): readonly [DemoNode, ...DemoNode[]] =>
    planDemo(
      folder,
      Array.from({ length: demoPorts }, (_, index) => index + 1),
    ).nodes;

  it("are ready when they say so, with their log in a file, and end when they are asked to", async () => {
    const [first, second] = nodes();
    const ends: DemoEnd[] = [];
    const children = createDemoChildren(main, (end) => void ends.push(end));
    const one = await children.start(first);
    expect(one).to.include({ url: "http://node-a", adminCode: "CODE" });
    const other = await children.start(second ?? first, "t0ken");
    expect(other.adminCode).to.equal(undefined);
    expect(children.alive()).to.equal(2);
    await children.stop();
    expect(children.alive()).to.equal(0);
    expect(ends).to.have.length(0);
    expect(await readFile(first.log, "utf8")).to.equal("log of node-a\n");
    for (const { pid } of [one, other]) expect(() => process.kill(pid, 0)).to.throw("ESRCH");
  });

  it("are reported when they end by another hand, and not started again", async () => {
    const [first] = nodes();
    let ended: (end: DemoEnd) => void = () => {};
    const end = new Promise<DemoEnd>((resolve) => (ended = resolve));
    const children = createDemoChildren(main, (given) => ended(given));
    const { pid } = await children.start(first);
    process.kill(pid, "SIGKILL");
    expect(await end).to.deep.include({ node: first, code: null, signal: "SIGKILL" });
    expect(children.alive()).to.equal(0);
    await children.stop();
  });

  it("that end before they are ready are an error with what they said", async () => {
    const [first] = nodes();
    const children = createDemoChildren(main, () => expect.fail("it was never ready"));
    const refusal: unknown = await children
      .start({ ...first, name: "broken", log: join(folder, "broken.log") })
      .catch(failureOf);
    expect(refusal).to.deep.include({ code: "UNREACHABLE" });
    expect((refusal as { details: object }).details).to.deep.equal({
      reason: "broken ended with 3 before it was ready",
      log: "log of broken\n",
    });
    await children.stop();
  });
});
