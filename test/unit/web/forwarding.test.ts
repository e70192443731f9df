import { expect } from "chai";
import fc from "fast-check";
import { takeFiles } from "../../../web/src/model/forwarding.ts";

const file = (name: string, bytes: number, more: object = {}) =>
  ({ id: name, name, type: "text/plain", bytes, ...more }) as Parameters<typeof takeFiles>[0][number];
const byName = async ({ name }: { readonly name: string }) => name;

describe("the files of a message that is forwarded", () => {
  it("go along behind one that is too large, is withheld, or cannot be read", async () => {
    const files = [file("film", 100), file("kept", 40, { check: "quarantined" }), file("gone", 40), file("note", 30)];
    const asked: string[] = [];
    const found = await takeFiles(files, 64, async ({ name }) => {
      asked.push(name);
      return name === "gone" ? undefined : name;
    });
    expect(found).to.deep.equal({ taken: ["note"], left: ["film", "kept", "gone"] });
    expect(asked).to.deep.equal(["gone", "note"]);
  });

  it("are each taken or left, and no more bytes than may go; what was left did not fit", () =>
    fc.assert(
      fc.asyncProperty(fc.array(fc.nat(100), { maxLength: 10 }), fc.nat(200), async (sizes, bytesMax) => {
        const files = sizes.map((bytes, index) => file(`${index}`, bytes));
        const { taken, left } = await takeFiles(files, bytesMax, byName);
        expect([...taken, ...left].toSorted()).to.deep.equal(files.map(({ name }) => name).toSorted());
        const total = (names: readonly string[]) => names.reduce((sum, name) => sum + (sizes[Number(name)] ?? 0), 0);
        expect(total(taken)).to.be.at.most(bytesMax);
        for (const name of left)
          expect(total(taken.filter((one) => Number(one) < Number(name))) + total([name])).to.be.above(bytesMax);
      }),
    ));
});
