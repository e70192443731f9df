/** What commands send of a file that somebody has written: it is about what the command line names, and nothing
 *  else. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { setRoute } from "../../../cli/models/model-routes.ts";
import { setRule } from "../../../cli/watching/rules.ts";
import { failureOf } from "../../../protocols/index.ts";
import { controlToken, startFixture, type Fixture } from "../gateway/fixture.ts";
import { collected } from "./fixture.ts";

const rule = { severity: "notice", withinMinutes: 5, by: "user", steps: [{ action: "signIn", outcome: "refused" }] };
const route = { steps: [[{ model: "echo", weight: 1 }]] };

describe("a file that a command sends", () => {
  let fixture: Fixture;
  let folder: string;
  before(async () => {
    fixture = await startFixture();
    folder = await mkdtemp(join(tmpdir(), "plexus-written-"));
  });
  after(async () => {
    await fixture.stop();
    await rm(folder, { recursive: true });
  });

  const flags = () => ({ dataFolder: folder, url: fixture.url, json: true, credentials: { token: controlToken } });
  const fileOf = async (value: object): Promise<string> => {
    const file = join(folder, "written.json");
    await writeFile(file, JSON.stringify(value));
    return file;
  };
  const outcomeOf = (work: Promise<number>) =>
    work.then(String, (error: unknown) => {
      const { code, details } = failureOf(error);
      return [code, details?.["path"]];
    });
  const put = async (name: string, value: object, on = false) =>
    outcomeOf(setRule(flags(), { name, file: await fileOf(value), on }, collected()));
  const rules = async () => {
    const { body } = await fixture.request("GET", "/api/v1/admin/rules", { token: controlToken });
    return body.rules.map(({ name, on, note }: { name: string; on?: boolean; note?: string }) => [name, on, note]);
  };

  it("sets the rule of the command line, and is refused where it names a rule itself", async () => {
    expect(await put("guard", { ...rule, note: "stays" }, true)).to.equal("0");
    expect(await put("mine", { ...rule, rule: "guard" })).to.deep.equal(["BAD_REQUEST", "/rule"]);
    expect(await rules()).to.deep.equal([["guard", true, "stays"]]);
    expect(await put("mine", { ...rule, rule: "mine" })).to.deep.equal(["BAD_REQUEST", "/rule"]);
    expect(await put("mine", rule)).to.equal("0");
    expect((await rules()).map(([name]: [string]) => name)).to.have.members(["guard", "mine"]);
  });

  it("sets the route of the command line, and is refused where it names one itself", async () => {
    const set = async (value: object) =>
      outcomeOf(setRoute(flags(), { name: "mine", steps: [], options: { file: await fileOf(value) } }, collected()));
    expect(await set({ ...route, route: "other" })).to.deep.equal(["BAD_REQUEST", "/route"]);
    expect(await set({ ...route, name: "printed-by-list" })).to.equal("0");
  });
});
