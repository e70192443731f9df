import { expect } from "chai";
import { modelRoutesMax, routeFault, watchModelRoutes } from "../../../../node/cluster/facts/model-routes.ts";
import { createEmbeddedDirectory } from "../../../../node/cluster/directory/index.ts";
import type { ModelRoute } from "../../../../protocols/index.ts";
import { MemoryStore } from "../../../conformance/directory-store.ts";

const route = (name: string, model = "m"): ModelRoute => ({ name, steps: [[{ model, weight: 1 }]] });

describe("the model routes of a cluster", () => {
  it("are set, replaced and removed in the directory, and every watcher has them", async () => {
    const directory = createEmbeddedDirectory({ store: new MemoryStore() });
    await directory.opened();
    const [one, other] = [watchModelRoutes(directory), watchModelRoutes(directory)];
    expect(await one.set(route("smart"))).to.deep.equal({ ok: true, value: route("smart") });
    expect(await other.set(route("llama3/8b:q4"))).to.have.property("ok", true);
    expect(await other.set(route("smart", "n"))).to.have.property("ok", true);
    for (const routes of [one, other])
      expect(routes.current()).to.deep.equal([route("llama3/8b:q4"), route("smart", "n")]);
    expect(await one.remove("smart")).to.deep.equal({ ok: true, value: route("smart", "n") });
    expect(await one.remove("smart")).to.have.nested.property("error.code", "NOT_FOUND");
    expect(other.current().map(({ name }) => name)).to.deep.equal(["llama3/8b:q4"]);
    one.stop();
    other.stop();
  });

  it("are refused when they say what cannot be", () => {
    const two = { name: "r", steps: [[{ model: "a", weight: 1 }, { model: "b", weight: 1 }]] };
    const steps = [[{ model: "m", weight: 1 }]];
    const fine: readonly ModelRoute[] = [
      route("r"),
      { ...two, ensemble: { form: "vote", least: 2 } },
      { ...two, kinds: [{ name: "k", when: { pattern: "a+" }, steps }], cache: { seconds: 1, shared: true } },
    ];
    for (const one of fine) expect(routeFault(one)).to.equal(undefined);
    const wrong: readonly (readonly [path: string, route: ModelRoute])[] = [
      ["/steps/0", { ...route("r"), ensemble: { form: "vote" } }],
      ["/steps/0", { name: "r", steps: [[{ model: "a", weight: 1 }, { model: "b", weight: 0 }]], ensemble: { form: "vote" } }],
      ["/ensemble/judge", { ...two, ensemble: { form: "merge" } }],
      ["/ensemble/least", { ...two, ensemble: { form: "vote", least: 3 } }],
      ["/cache/semantic", { ...two, cache: { seconds: 1, shared: true, semantic: { model: "v", threshold: 0.9 } } }],
      ["/kinds/0/when", { ...two, kinds: [{ name: "k", when: {}, steps }] }],
      ["/kinds/0/name", { ...two, kinds: [{ name: "k", when: { code: true }, steps }, { name: "k", when: { code: false }, steps }] }],
      ["/kinds/0/when/pattern", { ...two, kinds: [{ name: "k", when: { pattern: "(" }, steps }] }],
    ];
    for (const [path, one] of wrong) expect(routeFault(one)?.details, path).to.have.property("path", path);
  }); // prettier-ignore

  it("are not more than a cluster may have, and nonsense is read by nobody", async () => {
    const directory = createEmbeddedDirectory({ store: new MemoryStore() });
    await directory.opened();
    const routes = watchModelRoutes(directory);
    for (let number = 0; number < modelRoutesMax; number += 1) await routes.set(route(`r${number}`));
    expect(await routes.set(route("more"))).to.have.nested.property("error.code", "LIMIT_REACHED");
    expect(await routes.set(route("r0", "n"))).to.have.property("ok", true);
    expect(routes.current()).to.have.length(modelRoutesMax);
    routes.stop();
  });
});
