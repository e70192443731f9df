import { expect } from "chai";
import fc from "fast-check";
import { BlockList } from "node:net";
import { watchThreats } from "../../../node/threats/index.ts";
import { createAddressSet, parseRange, type Range } from "../../../node/threats/address-set.ts";
import { readIndicators, valuesOfPattern } from "../../../node/threats/indicators.ts";
import { quietMeter } from "../../fixtures/quiet.ts";

const ranges = (...texts: readonly string[]): readonly Range[] => texts.map((text) => parseRange(text)!);
const nowMs = Date.UTC(2026, 10, 24);

describe("a set of addresses", () => {
  it("answers by the longest prefix, for IPv4, IPv6, and IPv4 that is written as IPv6", () => {
    const set = createAddressSet(
      ranges("10.0.0.0/8", "10.1.2.3", "2001:db8::/32", "203.0.113.7"),
      ranges("10.1.0.0/16", "2001:db8:1::/48"),
    );
    const has = (address: string) => set.has(address);
    expect(["10.0.0.0", "10.255.255.255", "10.1.2.3", "203.0.113.7", "::ffff:10.2.0.1", "2001:db8::1", "2001:DB8:2::", "fe80::1%eth0"].map(has)).to.deep.equal([true, true, true, true, true, true, true, false]); // prettier-ignore
    expect(["9.255.255.255", "11.0.0.0", "10.1.2.2", "10.1.2.4", "203.0.113.8", "2001:db8:1::5", "2001:db9::", "", "nonsense"].filter(has)).to.deep.equal([]); // prettier-ignore
    expect(createAddressSet(ranges("0.0.0.0/0", "::/0")).has("255.255.255.255")).to.equal(true);
    expect(createAddressSet(ranges("ffff::/16")).has("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")).to.equal(true);
  });

  it("takes ranges as lists write them, and nothing else", () => {
    for (const bad of [
      "10.0.0.0/33",
      "10.0.0.0/-1",
      "10.0.0/8",
      "::/129",
      "1.2.3.4/8/9",
      "10.0.0.0/",
      "x",
      "01.2.3.4",
      "::ffff:1.2.3.4/90",
    ])
      expect(parseRange(bad), bad).to.equal(undefined);
    expect(parseRange("10.9.9.9/8")).to.deep.equal(parseRange("10.0.0.0/8"));
    expect(parseRange("::ffff:192.0.2.9/120")).to.deep.equal(parseRange("192.0.2.0/24"));
  });

  it("says of any address what a look at every range says", () => {
    const address = fc.oneof(fc.ipV4(), fc.ipV6(), fc.constantFrom("10.0.0.1", "10.0.0.255", "2001:db8::1"));
    const range = fc.tuple(address, fc.nat(128), fc.boolean()).map(([at, bits, blocks]) => {
      const family = at.includes(":") ? ("ipv6" as const) : ("ipv4" as const);
      return { at, family, bits: family === "ipv4" ? bits % 33 : bits, blocks };
    });
    fc.assert(
      fc.property(fc.array(range, { maxLength: 12 }), fc.array(address, { maxLength: 8 }), (all, asked) => {
        const of = (blocks: boolean) =>
          all.filter((one) => one.blocks === blocks).map(({ at, bits }) => parseRange(`${at}/${bits}`)!);
        const set = createAddressSet(of(true), of(false));
        for (const one of [...asked, ...all.map(({ at }) => at)]) {
          // An IPv4 address is in no range of IPv6.
          const asFamily = one.includes(":") ? "ipv6" : "ipv4";
          const ofFamily = all.filter(({ family }) => family === asFamily);
          const holds = ofFamily.filter(({ at, family, bits }) => {
            const list = new BlockList();
            list.addSubnet(at, bits, family);
            return list.check(one, asFamily);
          });
          const isMapped = one.includes(":") && parseRange(one)?.family === 4;
          if (isMapped || all.some(({ at }) => at.includes(":") && parseRange(at)?.family === 4)) continue;
          const longest = Math.max(-1, ...holds.map(({ bits }) => bits));
          const last = holds.filter(({ bits }) => bits === longest);
          expect(set.has(one), `${one} in ${JSON.stringify(all)}`).to.equal(
            last.length > 0 && last.every(({ blocks }) => blocks),
          );
        }
      }),
      { seed: 7, numRuns: 500 },
    );
  });
});

describe("a threat feed", () => {
  it("is read as a plain list: addresses, ranges, names, digests, comments, and what is allowed", () => {
    const says = readIndicators(
      `# head\n203.0.113.0/24 ; SBL1\n2001:db8::1\n!203.0.113.9\r\nBad.Example.org.\n0.0.0.0 ads.example.net\n${"A".repeat(64)}\nwhat is this?\n\n198.51.100.7,2026-01-01,scanner\n`,
      nowMs,
    );
    expect(says.blocked).to.deep.equal(ranges("203.0.113.0/24", "2001:db8::1", "198.51.100.7"));
    expect(says.allowed).to.deep.equal(ranges("203.0.113.9"));
    expect(says.domains).to.deep.equal(["bad.example.org", "ads.example.net"]);
    expect(says.files).to.deep.equal(["a".repeat(64)]);
    expect(says.skipped).to.equal(1);
  });

  it("is read as STIX 2.1: indicators that hold now, and of patterns those of which one value is enough", () => {
    const indicator = (pattern: string, more: object = {}) => ({ type: "indicator", pattern_type: "stix", pattern, valid_from: "2026-01-01T00:00:00Z", ...more }); // prettier-ignore
    const objects = [
      indicator("[ipv4-addr:value = '198.51.100.1']"),
      indicator("[ipv4-addr:value = '198.51.100.2' OR ipv6-addr:value ISSUBSET '2001:db8::/32']"),
      indicator("[domain-name:value = 'evil.example'] OR [file:hashes.'SHA-256' = '" + "0f".repeat(32) + "']"),
      indicator("[ipv4-addr:value = '198.51.100.3']", { revoked: true }),
      indicator("[ipv4-addr:value = '198.51.100.4']", { valid_until: "2026-02-01T00:00:00Z" }),
      indicator("[ipv4-addr:value = '198.51.100.5']", { valid_from: "2027-01-01T00:00:00Z" }),
      indicator("[ipv4-addr:value = '198.51.100.6' AND domain-name:value = 'both.example']"),
      indicator("[ipv4-addr:value = '198.51.100.7'] FOLLOWEDBY [ipv4-addr:value = '198.51.100.8']"),
      indicator("alert tcp any any", { pattern_type: "snort" }),
      { type: "malware", name: "x" },
    ];
    const says = readIndicators(JSON.stringify({ type: "bundle", objects }), nowMs);
    expect(says.blocked).to.deep.equal(ranges("198.51.100.1", "198.51.100.2", "2001:db8::/32"));
    expect(says.domains).to.deep.equal(["evil.example"]);
    expect(says.files).to.deep.equal(["0f".repeat(32)]);
    expect(says.skipped).to.equal(3);
    expect(() => readIndicators('{"a":1}', nowMs)).to.throw("STIX");
  });

  // Each of these takes hours where the end of a string or of a comment is looked for again from each sign in it.
  it("is read in a time that goes with its length, whatever is wrong in it", () => {
    const many = 2_000_000;
    for (const text of ['{"' + '\\"'.repeat(many), '{"objects":["' + '\\"'.repeat(many), '{"' + "\\\\".repeat(many)])
      expect(() => readIndicators(text, nowMs), text.slice(0, 20)).to.throw("has no end");
    expect(() => readIndicators('{"a":"' + '"'.repeat(many + 1), nowMs)).to.throw();
    for (const end of ["\r", "\u2028x", "\u2029"]) {
      const says = readIndicators(`203.0.113.1 ${"#".repeat(many)}${end}\n${";".repeat(many)}${end}\nx.example`, nowMs);
      expect(says, JSON.stringify(end)).to.deep.include({ domains: ["x.example"], skipped: 0 });
      expect(says.blocked).to.have.length(1);
    }
  });

  it("has strings of any length, with whatever is escaped in them", () => {
    const pattern = "[domain-name:value = 'evil.example']";
    const indicator = { type: "indicator", pattern_type: "stix", pattern };
    const name = '\\"]}'.repeat(3_000_000) + "\\";
    const says = readIndicators(JSON.stringify({ name, objects: [{ ...indicator, name }, indicator] }), nowMs);
    expect(says).to.deep.include({ domains: ["evil.example", "evil.example"], skipped: 0 });
  });

  it("takes of a pattern no more than it says", () => {
    for (const more of [
      "",
      "[]",
      "[ipv4-addr:value = '1.1.1.1'",
      "[ipv4-addr:value = '1.1.1.1'] x",
      "[ipv4-addr:value != '1.1.1.1']",
      "[NOT ipv4-addr:value = '1.1.1.1']",
      "[ipv4-addr:value = '1.1.1.1'] WITHIN 5 SECONDS",
      "[url:value = 'http://x.example/']",
      "[ipv4-addr:value = '1.1.1.1' OR url:value = 'y']",
      "[domain-name:value ISSUBSET 'x.example']",
    ])
      expect(valuesOfPattern(more), more).to.equal(undefined);
    fc.assert(
      fc.property(fc.string({ maxLength: 80 }), (text) => {
        readIndicators(text.replace(/^[\s{]+/, ""), nowMs);
        valuesOfPattern(text);
      }),
    );
  });

  it("is read again while the node runs; one that cannot be read leaves in force what it said before", async () => {
    const lists: Record<string, string | Error> = {
      one: "203.0.113.1\n127.0.0.1\n0.0.0.0/1\n!100.64.0.0/10",
      two: new Error("away"),
    };
    const turns: (() => void)[] = [];
    const said: string[] = [];
    const log = { debug() {}, info: (event: string) => void said.push(event), warn: (event: string, facts?: object) => void said.push(`${event} ${JSON.stringify(facts)}`), error() {} }; // prettier-ignore
    const clock = { nowMs: () => nowMs, monotonicMs: () => 0, after: (_: number, turn: () => void) => (turns.push(turn), () => {}), soon: (run: () => void) => run() }; // prettier-ignore
    const read = async (source: string): Promise<string> => {
      const list = lists[source];
      if (typeof list === "string") return list;
      throw list ?? new Error("none");
    };
    const threats = watchThreats({ sources: ["one", "two"], read, clock, log, meter: quietMeter });
    let changes = 0;
    threats.onChange(() => (changes += 1));
    await threats.reload();
    expect(
      ["203.0.113.1", "9.9.9.9", "100.64.1.1", "127.0.0.1", "::1", "192.0.2.1"].map((one) => threats.isBlocked(one)),
    ).to.deep.equal([true, true, false, false, false, false]);
    expect(said.join()).to.include("away");
    lists["one"] = new Error("gone");
    lists["two"] = "192.0.2.1\nbad.example\n";
    await threats.reload();
    expect(threats.isBlocked("203.0.113.1")).to.equal(true);
    expect(threats.isBlocked("192.0.2.1")).to.equal(true);
    expect([threats.hasDomain("a.b.bad.example"), threats.hasDomain("BAD.example."), threats.hasDomain("notbad.example"), threats.hasDomain("example")]).to.deep.equal([true, true, false, false]); // prettier-ignore
    const before = changes;
    await threats.reload();
    expect(changes, "nothing is new").to.equal(before);
    threats.stop();
  });
});
