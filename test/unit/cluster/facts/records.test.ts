import { brokenBy } from "../../../fixtures/broken.ts";
import { expect } from "chai";
import type { Directory, MemberRecord, SlotRecord } from "../../../../node/ports/index.ts";
import {
  asEndpoint,
  changeSlot,
  isRow,
  type InvitationRecord,
  type Policy,
} from "../../../../node/cluster/facts/records.ts";
import {
  type Budget,
  type Endpoint,
  type ModelRoute,
  type Price,
  decode,
  encode,
} from "../../../../protocols/index.ts";
import { memberRecord } from "../../../fixtures/members.ts";

// Every field there is, so that one that is added to a record and not to its schema shows here.
const slot: Required<SlotRecord> = {
  slot: "room/lobby" as SlotRecord["slot"],
  epoch: 7,
  owner: "a",
  inSync: ["a", "b"],
  learners: ["c"],
  abandoned: 7,
  want: { owner: "b", replicas: ["b", "c"] },
  held: "b",
  home: "b",
  splitFrom: "chat/250",
};
const member: Required<MemberRecord> = {
  ...memberRecord("a"),
  addresses: ["/ip4/10.0.0.5/tcp/7071"],
  rolesConfigured: ["chat", "ai"],
  labels: { zone: "b" },
  labelsConfigured: { zone: "a" },
  models: ["tiny"],
  offers: [
    {
      engine: "generate",
      model: "tiny",
      runtime: "llama",
      capabilities: ["chat"],
      contextTokens: 512,
      sizeBytes: 1,
      demonstration: true,
      state: "ready",
    },
  ],
  drain: { by: "ada", sinceMs: 5 },
  leaving: true,
  storage: { quotaBytes: 200e9, classes: ["backup"] },
  vouches: true,
  readsStripes: true,
  deletesTexts: true,
};
const invitation: Required<InvitationRecord> = {
  id: "0123456789ab",
  secretHash: "00".repeat(32),
  roles: ["chat"],
  labels: { zone: "a" },
  storage: { quotaBytes: 200e9, classes: ["backup"] },
  expiresAtMs: 1_000.5,
  used: { node: "b", peer: "peer-b", admitted: false },
};
const policy: Policy = { replicas: 3, minInSync: 2 };
const route: Required<ModelRoute> = {
  name: "smart",
  steps: [
    [
      { model: "a", weight: 95 },
      { model: "b", weight: 5 },
    ],
  ],
  shadow: { model: "c", percent: 10 },
  balance: "round-robin",
  prefer: "speed",
  kinds: [{ name: "code", when: { code: true, pattern: "a+", words: ["x"] }, steps: [[{ model: "d", weight: 1 }]] }],
  ensemble: { form: "best-of", judge: "e", seconds: 5, least: 2 },
  cache: { seconds: 60, always: true, semantic: { model: "f", threshold: 0.9 } },
};

const endpoint: Required<Endpoint> = {
  name: "box",
  adapter: "openai",
  url: "http://10.0.0.5:8000/v1",
  model: "*",
  key: { env: "BOX_API_KEY" },
  capabilities: ["chat"],
  contextTokens: 8_192,
  places: 4,
  labels: { zone: "a" },
};

const budget: Required<Budget> = {
  name: "daily",
  of: "person",
  names: ["ada"],
  measure: "tokens",
  limit: 1_000,
  per: "day",
  warnPercent: 80,
  ending: "instead",
  instead: "small",
};
const price: Required<Price> = { name: "gpt", input: 1, cached: 0.1, output: 4, call: 0 };

const rows: readonly (readonly [key: string, value: object, optional: readonly string[]])[] = [
  ["slot/room/lobby", slot, ["abandoned", "want", "held", "home", "splitFrom"]],
  [
    "member/a",
    member,
    [
      "rolesConfigured",
      "labelsConfigured",
      "offers",
      "drain",
      "leaving",
      "storage",
      "vouches",
      "readsStripes",
      "deletesTexts",
    ],
  ],
  ["invitation/0123456789ab", invitation, ["storage", "used"]],
  ["policy", policy, []],
  ["route/smart", route, ["shadow", "balance", "prefer", "kinds", "ensemble", "cache"]],
  ["endpoint/box", endpoint, ["model", "key", "capabilities", "contextTokens", "places", "labels"]],
  ["budget/daily", budget, ["instead"]],
  ["group/g1", { name: "g1", width: 3, open: true }, []],
  ["price/gpt", price, ["cached", "call"]],
];
const without = (value: object, field: string): object =>
  Object.fromEntries(Object.entries(value).filter(([name]) => name !== field));

describe("a slot's record", () => {
  const unsound: readonly (readonly [what: string, record: SlotRecord])[] = [
    ["an owner that is not in sync", { ...slot, owner: "d" }],
    ["a node that is in sync twice", { ...slot, inSync: ["a", "b", "b"] }],
    ["a learner that is in sync", { ...slot, learners: ["b"] }],
    ["a replica that is wanted twice", { ...slot, want: { owner: "b", replicas: ["b", "b"] } }],
  ];
  for (const [what, record] of unsound)
    it(`is refused where it is read, and never written, with ${what}`, async () => {
      expect(isRow("slot/room/lobby", record)).to.equal(false);
      const broken = await brokenBy(() => changeSlot({} as Directory, record, 0).catch(() => undefined));
      expect(broken).to.deep.equal(["broken invariant: a slot's owner is in sync, and no node is twice in its record"]);
    });
});

describe("rows of the directory", () => {
  for (const [key, value, optional] of rows) {
    const [kind] = key.split("/");

    it(`are taken: a ${kind} as it is written, with fields of a later version too`, () => {
      expect(isRow(key, decode(encode(value)))).to.equal(true);
      expect(isRow(key, { ...value, later: { more: 1 } })).to.equal(true);
      const least = optional.reduce(without, value);
      expect(isRow(key, decode(encode(least)))).to.equal(true);
      for (const field of optional) expect(isRow(key, { ...least, [field]: undefined }), field).to.equal(true);
    });

    it(`are refused: a ${kind} with a field that is missing or is nonsense, whichever`, () => {
      for (const field of Object.keys(value)) {
        expect(isRow(key, without(value, field)), `without ${field}`).to.equal(optional.includes(field));
        for (const nonsense of [null, 7.5, -1, NaN, [7], [null], { owner: 7 }, { zone: 7 }, "x".repeat(5_000)]) {
          // Not every number is too odd for every number.
          if (field === "expiresAtMs" && nonsense === 7.5) continue;
          if (["weight", "input", "cached", "output", "call"].includes(field) && nonsense === 7.5) continue;
          expect(isRow(key, { ...value, [field]: nonsense }), `${field}: ${JSON.stringify(nonsense)}`).to.equal(false);
        }
      }
      for (const nonsense of [undefined, null, 7, "row", [], [value], new Uint8Array(3)])
        expect(isRow(key, nonsense), JSON.stringify(nonsense)).to.equal(false);
    });
  }

  it("are refused under another key than their own", () => {
    expect(isRow("slot/chat/1", slot)).to.equal(false);
    expect(isRow("member/b", member)).to.equal(false);
    expect(isRow("invitation/1", invitation)).to.equal(false);
  });

  it("are no endpoint that this version would ask, if no admin can have set it here", () => {
    const read = (value: object) => asEndpoint({ key: "endpoint/box", value, revision: 1 });
    expect(read(endpoint)).to.deep.equal(endpoint);
    for (const key of [{ env: "HOME" }, { env: "PLEXUS_CONTROL_TOKEN" }, { file: "../../etc/shadow" }, { file: "/etc/shadow" }, { env: "A_API_KEY", file: "b" }])
      expect(read({ ...endpoint, key }), JSON.stringify(key)).to.equal(undefined);
    expect(read({ ...endpoint, adapter: "of-a-later-version" })).to.equal(undefined);
  }); // prettier-ignore

  it("may be as large as the largest that is written", () => {
    const many = <Item>(count: number, item: (index: number) => Item): Item[] =>
      Array.from({ length: count }, (_, index) => item(index));
    const labels = Object.fromEntries(many(128, (index) => [`${index}`.padEnd(63, "x"), "v".repeat(256)]));
    const large: Partial<MemberRecord> = {
      name: `${"n".repeat(64)}-${"9".repeat(6)}`,
      peer: "p".repeat(64),
      addresses: many(500, () => `/dns4/${"h".repeat(253)}/tcp/65535`),
      labels,
      labelsConfigured: labels,
      models: many(64, () => "m".repeat(128)),
      weight: 0.01,
      version: "v".repeat(128),
      url: `https://${"h".repeat(253)}:65535`,
      incarnation: Number.MAX_SAFE_INTEGER,
    };
    expect(isRow("member/a", { ...member, ...large })).to.equal(true);
    const nodes = many(64, (index) => `${index}`.padEnd(64, "n"));
    const want = { owner: nodes[0], replicas: nodes };
    const set: SlotRecord = { ...slot, slot: "chat/1", owner: nodes[0] as string, inSync: nodes, learners: [] };
    expect(isRow("slot/chat/1", { ...set, want })).to.equal(true);
    const learners = many(64, (index) => `${index}`.padEnd(64, "l"));
    expect(isRow("slot/chat/1", { ...set, learners, want })).to.equal(true);
  });

  it("may say anything under keys that nobody reads", () => {
    for (const value of [null, 7, "x", { a: 1 }]) expect(isRow("later/x", value)).to.equal(true);
  });
});
