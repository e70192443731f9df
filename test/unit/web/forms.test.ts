import { globSync, readFileSync } from "node:fs";
import { expect } from "chai";
import { forms } from "../../fixtures/page/forms.ts";

const sources = globSync("web/src/**/*.tsx").map((path) => ({ path, text: readFileSync(path, "utf8") }));

/** The names of all forms, as the source has them. */
function formsInSource(): readonly string[] {
  const names = sources.flatMap(({ text }) =>
    [...text.matchAll(/<(?:Form|JsonForm)\s+(?:id|what)=(?:"([^"]+)"|\{([^}]+)\})/g)].flatMap(
      ([, plain, chosen = ""]) =>
        plain === undefined ? [...chosen.matchAll(/"([^"]+)"/g)].map(([, one = ""]) => one) : [plain],
    ),
  );
  return names.toSorted();
}

describe("the forms of the page", () => {
  it("are all made by one component, which keeps refusals in the form", () => {
    const others = sources.filter(({ text }) => /<form\b/.test(text)).map(({ path }) => path);
    expect(others).to.deep.equal(["web/src/view/parts/form.tsx"]);
  });

  it("have names of their own, and are all on the list that the browser walks", () => {
    expect(formsInSource()).to.deep.equal(Object.keys(forms).toSorted());
  });
});
