import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";

const page = join(import.meta.dirname, "../../../web");

describe("the page's worker", () => {
  it("answers at the addresses of the page, and at no other of the host", () => {
    const [, pattern = ""] =
      /^const places = \/(.*)\/;$/m.exec(readFileSync(join(page, "public/offline.js"), "utf8")) ?? [];
    const places = new RegExp(pattern);
    const router = readFileSync(join(page, "src/view/shell/router.tsx"), "utf8");
    const own = [...router.matchAll(/\bpath: "([^"]+)"/g)].map(([, path = ""]) => path.replaceAll(/\$\w+/g, "one"));
    expect(own).to.include("/room/one").and.include("/admin/one/one");
    for (const path of own) expect(places.test(path), path).to.equal(true);
    for (const path of ["/api/v1/sign-in/back/x", "/team2/", "/roomy", "/laters", "/healthz", "/api-docs", "/other/"])
      expect(places.test(path), path).to.equal(false);
  });
});
