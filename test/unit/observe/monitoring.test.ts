import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { parse } from "yaml";
import { seriesRows } from "../../../node/observe/series.ts";
import { createMetrics } from "../../../node/platform/index.ts";

const root = join(import.meta.dirname, "../../..");
const read = (path: string): string => readFileSync(join(root, path), "utf8");

/** Every metric that the code counts. Tidy compares them with the table of docs/operate/metrics.md. */
const suffixes: Readonly<Record<string, string>> = { count: "_total", gauge: "", observeMs: "_seconds" };
const sources = globSync("{node,runtimes}/**/*.ts", { cwd: root }).map(read);
const metrics = sources.flatMap((text) =>
  [...text.matchAll(/\bmeter\??\.(count|gauge|observeMs)\(\s*"(\w+)"([^;]*?)\);?\n/g)].map(
    ([, kind = "", name = "", rest = ""]) => ({
      kind,
      inner: name,
      name: `plexus_${name}${suffixes[kind]}`,
      labels: [...(/\{([^{}]*)\}\s*$/.exec(rest.trim())?.[1] ?? "").matchAll(/(?:^|,)\s*(\w+)/g)].map(
        ([, label = ""]) => label,
      ),
    }),
  ),
);
const names = new Set(metrics.map(({ name }) => name));

/** Labels, all of whose values come from a table of the code or from what admins set up: nobody else can make a new
 *  one. */
const bounded = new Set(["because", "budget", "change", "channel", "code", "do", "end", "engine", "form", "from", "kind", "limit", "method", "model", "of", "outcome", "reason", "result", "route", "sink", "sort", "source", "status", "verdict", "what", "why"]); // prettier-ignore

/** Metrics of Prometheus itself and of Node's own. */
const ofOthers = /^(up|process_\w+|nodejs_\w+)$/;
const used = (text: string): readonly string[] =>
  [...text.matchAll(/\b(plexus_\w+|process_\w+|nodejs_\w+)\b/g)].map(([name]) => name);
const isThere = (name: string): boolean =>
  names.has(name) ||
  ofOthers.test(name) ||
  (/_seconds_(bucket|count|sum)$/.test(name) && names.has(name.replace(/_(bucket|count|sum)$/, "")));

describe("what operators watch", () => {
  it("has units in the names of metrics, as Prometheus has them, and none by half", () => {
    expect(metrics.length).to.be.above(80);
    const odd = [...names].filter((name) =>
      /_(ms|millis|milliseconds|sec|kb|mb|kib|mib|minutes|hours|percent)(_total)?$/.test(name),
    );
    expect(odd).to.deep.equal([]);
    for (const name of names) expect(name).to.match(/^plexus_[a-z][a-z_]*[a-z]$/);
  });

  it("has labels whose values nobody outside can multiply", () => {
    const unknown = metrics.filter(({ labels }) => labels.some((label) => !bounded.has(label)));
    expect(unknown.map(({ name, labels }) => `${name} ${labels.join()}`)).to.deep.equal([]);
  });

  it("tells durations in seconds", async () => {
    const made = createMetrics();
    made.meter.observeMs("journal_commit", 250);
    const { body } = await made.text();
    made.stop();
    expect(body).to.include("plexus_journal_commit_seconds_sum 0.25");
    expect(body).to.include('plexus_journal_commit_seconds_bucket{le="0.25"} 1');
    expect(body).to.include('plexus_journal_commit_seconds_bucket{le="0.1"} 0');
  });

  it("has figures over a day of metrics that there are", () => {
    const inner = new Set(metrics.map((one) => one.inner));
    const missing = seriesRows.flatMap(({ from }) =>
      "metric" in from && !inner.has(from.metric) ? [from.metric] : [],
    );
    expect(missing).to.deep.equal([]);
  });

  it("has dashboards of metrics that there are", () => {
    const dashboards = globSync("docs/grafana/*.json", { cwd: root });
    expect(dashboards).to.have.length.at.least(1);
    for (const path of dashboards) {
      const { panels, title } = JSON.parse(read(path)) as {
        title: string;
        panels: { title: string; targets: { expr: string }[] }[];
      };
      expect(title).to.not.equal("");
      for (const panel of panels)
        for (const { expr } of panel.targets)
          expect(
            used(expr).filter((name) => !isThere(name)),
            `${path}, ${panel.title}`,
          ).to.deep.equal([]);
    }
  });

  it("has rules of metrics that there are, each with what to do", () => {
    const { groups } = parse(read("docs/prometheus/alerts.yml")) as {
      groups: { rules: { alert: string; expr: string; annotations: Record<string, string> }[] }[];
    };
    const rules = groups.flatMap((group) => group.rules);
    expect(new Set(rules.map(({ alert }) => alert)).size).to.equal(rules.length);
    for (const { alert, expr, annotations } of rules) {
      expect(
        used(expr).filter((name) => !isThere(name)),
        alert,
      ).to.deep.equal([]);
      expect(annotations, alert).to.have.all.keys("summary", "help");
    }
  });
});
