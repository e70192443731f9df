import { spawn, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { expect } from "chai";
import { findProgram } from "../../fixtures/debian.ts";
import { depth } from "../../depth.ts";
import { createDataFolder, NodeProcess, withoutAi } from "../../fixtures/processes/node-process.ts";
import { untilTrue } from "../../waits.ts";

const folder = join(import.meta.dirname, "../../../docs/prometheus");

describe("the rules for Prometheus, by Debian's promtool", function () {
  let promtool = "";

  before(function () {
    const found = findProgram("promtool", "prometheus");
    if ("missing" in found) {
      console.log(`      ${found.missing}`);
      this.skip();
    } else promtool = found.path;
  });

  const run = (...args: readonly string[]) => spawnSync(promtool, args, { cwd: folder, encoding: "utf8" });

  it("can be read", () => {
    const { status, stdout, stderr } = run("check", "rules", "alerts.yml");
    expect(status, stdout + stderr).to.equal(0);
  });

  it("say of figures what they should", () => {
    const { status, stdout, stderr } = run("test", "rules", "alerts.test.yml");
    expect(status, stdout + stderr).to.equal(0);
  });
});

describe("Debian's Prometheus", function () {
  const dashboard = JSON.parse(readFileSync(join(folder, "../grafana/plexus.json"), "utf8")) as {
    readonly panels: readonly { readonly title: string; readonly targets: readonly { readonly expr: string }[] }[];
  };

  it("reads a node at its control endpoint with a control token, and tells of it while the token does not hold", async function () {
    if (depth(true, false)) this.skip();
    const found = findProgram("prometheus", "prometheus");
    if ("missing" in found) {
      console.log(`      ${found.missing}`);
      return this.skip();
    }
    await using data = await createDataFolder();
    await using node = new NodeProcess(data.path, [...withoutAi, "--control", "127.0.0.1:0"]);
    const place = await mkdtemp(join(tmpdir(), "plexus-prometheus-"));
    await node.start();
    const operator = await node.controlToken();
    const asAdmin = async (method: string, path: string, body?: object): Promise<unknown> => {
      const answer = await node.http(method, `/api/v1/admin/control/tokens${path}`, body, operator);
      if (answer.status !== 200) throw new Error(JSON.stringify(answer.body));
      return answer.body;
    };
    const giveToken = async (): Promise<void> => {
      const { token } = (await asAdmin("POST", "", { name: "prometheus", scopes: ["cluster.see"] })) as {
        token: string;
      };
      await writeFile(join(place, "plexus.token"), `${token}\n`);
    };
    await giveToken();
    // The files as they are handed out, but for where the node is, and how long everything takes.
    const config = await readFile(join(folder, "prometheus.yml"), "utf8");
    const quick = config.replace("127.0.0.1:7072", new URL(node.control).host).replaceAll(": 15s", ": 1s");
    await writeFile(join(place, "prometheus.yml"), quick);
    await cp(join(folder, "alerts.yml"), join(place, "alerts.yml"));
    const rules = await readFile(join(place, "alerts.yml"), "utf8");
    await writeFile(join(place, "alerts.yml"), rules.replace("for: 2m", "for: 2s"));

    const args = [`--config.file=${place}/prometheus.yml`, `--storage.tsdb.path=${place}/data`, "--web.listen-address=127.0.0.1:0", "--log.format=json"]; // prettier-ignore
    const child = spawn(found.path, args, { stdio: ["ignore", "ignore", "pipe"] });
    try {
      const address = await new Promise<string>((resolve, reject) => {
        let said = "";
        createInterface(child.stderr).on("line", (line) => {
          said = (said + line).slice(-4_000);
          const { address: own, msg = "" } = JSON.parse(line) as { address?: string; msg?: string };
          if (own !== undefined && /^Listening on/i.test(msg)) resolve(own);
        });
        child.once("exit", () => reject(new Error(`Prometheus ended: ${said}`)));
      });
      // oxlint-disable-next-line typescript/no-explicit-any -- answers of another program
      const ask = async (path: string): Promise<any> => {
        const answer = await fetch(`http://${address}/api/v1/${path}`).catch(() => undefined);
        // It starts by reading its own log.
        return answer?.ok !== true ? undefined : ((await answer.json()) as { data?: unknown }).data;
      };
      const until = (what: string, holds: () => Promise<boolean>): Promise<void> => untilTrue(what, holds, 180_000);
      const value = async (query: string): Promise<number | undefined> => {
        const data = await ask(`query?query=${encodeURIComponent(query)}`);
        return data?.result?.[0] === undefined ? undefined : Number(data.result[0].value[1]);
      };
      const alerts = async (): Promise<readonly string[]> =>
        ((await ask("alerts"))?.alerts ?? [])
          .filter((one: { state: string }) => one.state === "firing")
          .map((one: { labels: { alertname: string } }) => one.labels.alertname);

      await until("the node is read", async () => (await value("up")) === 1);
      await until(
        "it has figures of the node",
        async () => (await value("plexus_process_start_time_seconds or plexus_actors_in_memory")) !== undefined,
      );
      const { groups } = await ask("rules");
      const all = groups.flatMap((group: { rules: readonly { name: string; health: string }[] }) => group.rules);
      expect(all.length).to.be.above(10);
      for (const { title, targets } of dashboard.panels)
        for (const { expr } of targets) {
          const query = expr.replaceAll("$__rate_interval", "1m").replaceAll("$__interval", "1m");
          const answer = await fetch(`http://${address}/api/v1/query?query=${encodeURIComponent(query)}`);
          expect(answer.status, `${title}: ${expr}: ${await answer.text()}`).to.equal(200);
        }

      await asAdmin("DELETE", "/prometheus");
      await until("it tells that the node is away", async () => (await alerts()).includes("PlexusNodeAway"));
      const { activeTargets } = await ask("targets");
      expect(activeTargets[0].lastError).to.match(/401/);
      await giveToken();
      await until("it tells so no more", async () => (await value("up")) === 1 && (await alerts()).length === 0);
      // Rules are judged one after the other, and none of them is wrong.
      const { groups: judged } = await ask("rules");
      for (const rule of judged.flatMap((group: { rules: readonly { name: string; health: string }[] }) => group.rules))
        expect([rule.name, rule.health]).to.deep.equal([rule.name, "ok"]);
    } finally {
      child.kill("SIGKILL");
      await rm(place, { recursive: true, force: true });
    }
  });
});
