import { isIPv4 } from "node:net";
import { expect } from "chai";
import fc from "fast-check";
import { isPrivateAddress } from "../../../../protocols/index.ts";
import { findingLimits } from "../../../../runtimes/finding/limits.ts";
import { targetsOf, usualPorts, type Target } from "../../../../runtimes/finding/range.ts";

const addressesOf = (range: string, ports: readonly number[] = [80]): readonly string[] => {
  const targets = targetsOf(range, ports);
  return targets.ok ? targets.value.map(({ address }) => address) : [];
};
const codeOf = (range: string, ports?: readonly number[]): string | undefined => {
  const targets = targetsOf(range, ports);
  return targets.ok ? undefined : targets.error.code;
};

describe("a range that an admin has asked", () => {
  it("is its addresses without the network's first and last, on each port", () => {
    expect(addressesOf("192.168.1.0/30")).to.deep.equal(["192.168.1.1", "192.168.1.2"]);
    expect(addressesOf("192.168.1.5/31")).to.deep.equal(["192.168.1.4", "192.168.1.5"]);
    expect(addressesOf(" 10.0.0.5 ")).to.deep.equal(["10.0.0.5"]);
    expect(addressesOf("fd00::5")).to.deep.equal(["fd00::5"]);
    expect(addressesOf("192.168.1.77/24")).to.have.length(254).and.include("192.168.1.254");
    expect(targetsOf("10.0.0.5")).to.deep.equal({
      ok: true,
      value: usualPorts.map((port) => ({ address: "10.0.0.5", port })),
    });
  });

  it("is private: other people's machines are not searched, nor where clouds keep secrets", () => {
    for (const range of ["8.8.8.8", "8.8.8.0/24", "172.32.0.0/24", "192.0.0.0/4", "0.0.0.0/0", "169.254.169.254", "169.254.0.0/16", "0.0.0.0", "2001:db8::1", "fe80::1", "fd00::/64", "::"])
      expect(codeOf(range), range).to.equal("BAD_REQUEST");
  }); // prettier-ignore

  it("is nothing else: names, zones, and what is no range", () => {
    for (const range of ["", "localhost", "10.0.0.0/33", "10.0.0.0/", "10.0.0/24", "10.0.0.0/8/8", "10.0.0.1-10.0.0.9", "010.0.0.1", "fe80::1%eth0", "10.0.0.0/-1", "10.0.0.0/1e1", "127.1"])
      expect(codeOf(range), range).to.equal("BAD_REQUEST");
  }); // prettier-ignore

  it("is not larger than a search may be", () => {
    expect(codeOf("10.0.0.0/8")).to.equal("TOO_LARGE");
    expect(codeOf("10.0.0.0/20")).to.equal("TOO_LARGE");
    expect(codeOf("10.0.0.0/20", [11_434])).to.equal(undefined);
  });

  it("whatever is asked for: every target is private, once, within the range, and all of them are few", () => {
    const byte = fc.nat(255);
    const text = fc.tuple(byte, byte, byte, byte, fc.integer({ min: 0, max: 40 }));
    const ports = fc.uniqueArray(fc.integer({ min: 1, max: 65_535 }), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(text, ports, ([a, b, c, d, bits], wanted) => {
        const targets = targetsOf(`${a}.${b}.${c}.${d}/${bits}`, wanted);
        if (!targets.ok) return;
        const { value } = targets;
        expect(value.length).to.be.within(1, findingLimits.searchTargetsMax);
        expect(new Set(value.map(({ address, port }: Target) => `${address} ${port}`)).size).to.equal(value.length);
        const bitsOf = (address: string): string =>
          address
            .split(".")
            .map((part) => Number(part).toString(2).padStart(8, "0"))
            .join("");
        const network = bitsOf(`${a}.${b}.${c}.${d}`).slice(0, bits);
        for (const { address } of value) {
          if (!isIPv4(address) || !isPrivateAddress(address) || !bitsOf(address).startsWith(network))
            expect.fail(`${address} is in ${a}.${b}.${c}.${d}/${bits}`);
        }
      }),
    );
    fc.assert(fc.property(fc.string(), (odd) => targetsOf(odd, [80]).ok || codeOf(odd, [80]) !== ""));
  });
});
