import { expect } from "chai";
import { contractFindings, restFindings, schemaFindings, type Description, type Schema } from "../tidy/compatible.ts";

const object = (properties: Record<string, Schema>, required: readonly string[] = []): Schema => ({
  type: "object",
  properties,
  required,
  additionalProperties: false,
});
const text: Schema = { type: "string", minLength: 1, maxLength: 80, pattern: "^[a-z]+$" };

describe("compatibility: what programs send", () => {
  const sent = (before: Schema, after: Schema) => schemaFindings("x", before, after, "sent");

  it("may be more than before", () => {
    const { pattern, ...free } = text;
    expect(pattern).to.be.a("string");
    for (const [before, after] of [
      [text, { ...text, maxLength: 100, minLength: 0 }],
      [text, free],
      [{ type: "integer" }, { type: "number" }],
      [{ anyOf: [{ const: "a" }] }, { anyOf: [{ const: "a" }, { const: "b" }] }],
      [{ const: "a" }, { type: "string" }],
      [{ type: "string" }, { anyOf: [{ type: "string" }, { type: "integer" }] }],
      [object({ a: text }, ["a"]), object({ a: text, b: text })],
      [object({ a: text }), { type: "object" }],
    ] as const)
      expect(sent(before, after)).to.deep.equal([]);
  });

  const breaks: readonly [what: string, before: Schema, after: Schema, finding: string][] = [
    ["a field that is gone", object({ a: text, b: text }), object({ a: text }), "x.b: is gone"],
    ["a new required field", object({ a: text }), object({ a: text, b: text }, ["b"]), "x.b: is required now"],
    ["a field that must be there now", object({ a: text }), object({ a: text }, ["a"]), "x.a: is required now"],
    ["another type", { type: "string" }, { type: "integer" }, "x: is integer now, was string"],
    ["whole numbers only", { type: "number" }, { type: "integer" }, "x: is integer now, was number"],
    ["a shorter text", text, { ...text, maxLength: 40 }, "x: maxLength is 40 now, was 80"],
    ["a bound where none was", { type: "string" }, text, "x: minLength is 1 now, was without bound"],
    ["another pattern", text, { ...text, pattern: "^[a-c]+$" }, "x: pattern is ^[a-c]+$ now, was ^[a-z]+$"],
    ["a value less", { enum: ["a", "b"] }, { enum: ["a"] }, 'x: "b" is no longer accepted'],
    ["a choice less", { anyOf: [{ type: "string" }, { type: "integer" }] }, { type: "string" }, "x: integer is no longer accepted"],
    ["one value where any was", { type: "string" }, { const: "a" }, "x: string is no longer accepted"],
    ["a smaller item", { type: "array", items: text }, { type: "array", items: { ...text, maxLength: 9 } }, "x[]: maxLength is 9 now, was 80"],
    ["a place more", { type: "array", items: [text] }, { type: "array", items: [text, text] }, "x: has 1 places instead of 2"],
    ["a place of another type", { type: "array", items: [text] }, { type: "array", items: [{ type: "integer" }] }, "x[0]: is integer now, was string"],
    ["a field of a field", object({ a: object({ b: text }) }), object({ a: object({}) }), "x.a.b: is gone"],
  ]; // prettier-ignore
  for (const [what, before, after, finding] of breaks)
    it(`may not have ${what}`, () => {
      const found = sent(before, after);
      if (what === "a bound where none was") expect(found).to.include(finding);
      else expect(found).to.deep.equal([finding]);
    });
});

describe("compatibility: what programs are answered", () => {
  const answered = (before: Schema, after: Schema) => schemaFindings("x", before, after, "answered");

  it("may say more, and be narrower", () => {
    for (const [before, after] of [
      [object({ a: text }, ["a"]), object({ a: text, b: text }, ["a", "b"])],
      [object({ a: text }), object({ a: text }, ["a"])],
      [{ type: "number" }, { type: "integer" }],
      [{ enum: ["a"] }, { enum: ["a", "b"] }],
      [{ anyOf: [{ type: "string" }, { type: "integer" }] }, { type: "string" }],
    ] as const)
      expect(answered(before, after)).to.deep.equal([]);
  });

  const breaks: readonly [what: string, before: Schema, after: Schema, finding: string][] = [
    ["lack a field", object({ a: text, b: text }), object({ a: text }), "x.b: is gone"],
    ["leave a field out at times", object({ a: text }, ["a"]), object({ a: text }), "x.a: may be missing now"],
    ["be another declared type", { title: "Posted" }, { title: "Moved" }, "x: is Moved now, was Posted"],
    ["be undeclared", { title: "Posted" }, {}, "x: is anything now, was Posted"],
    ["have another type", { type: "integer" }, { type: "string" }, "x: is string now, was integer"],
    ["be a choice where one type was", { type: "string" }, { anyOf: [{ type: "string" }, { type: "null" }] }, "x: may be null now"],
    ["be longer than promised", { type: "string", maxLength: 9 }, { type: "string" }, "x: maxLength is without bound now, was 9"],
  ]; // prettier-ignore
  for (const [what, before, after, finding] of breaks)
    it(`may not ${what}`, () => expect(answered(before, after)).to.deep.equal([finding]));
});

describe("compatibility: REST", () => {
  const json = (schema: Schema) => ({ "application/json": { schema } });
  const released: Description = {
    paths: {
      "/rooms": {
        get: {
          parameters: [{ name: "limit", in: "query", schema: { type: "integer", maximum: 200 } }],
          responses: { "200": { content: json(object({ rooms: { type: "array", items: text } }, ["rooms"])) } },
        },
        post: { requestBody: { required: true, content: json(object({ title: text })) }, responses: { "200": {} } },
      },
    },
  };
  // oxlint-disable-next-line typescript/no-explicit-any -- the tests plant changes of every shape
  type Change = (paths: any) => void;
  const after = (change: Change): readonly string[] => {
    const now = structuredClone(released) as { paths: unknown };
    change(now.paths);
    return restFindings(released, now as Description);
  };

  it("may grow by routes, optional parameters, fields and answers", () => {
    const found = after((paths) => {
      paths["/polls"] = { get: {} };
      paths["/rooms"].put = {};
      paths["/rooms"].get.parameters.push({ name: "after", in: "query", schema: text });
      paths["/rooms"].get.responses["404"] = {};
      paths["/rooms"].post.requestBody.content["application/json"].schema.properties.topic = text;
    });
    expect(found).to.deep.equal([]);
  });

  const breaks: readonly [what: string, change: Change, finding: string][] = [
    ["lose a route", (paths) => delete paths["/rooms"], "GET /rooms: is gone"],
    ["lose a method", (paths) => delete paths["/rooms"].post, "POST /rooms: is gone"],
    ["lose a parameter", (paths) => paths["/rooms"].get.parameters.pop(), "GET /rooms query.limit: is gone"],
    ["need a new parameter", (paths) => paths["/rooms"].get.parameters.push({ name: "of", in: "query", required: true }), "GET /rooms query.of: is required now"],
    ["bound a parameter more tightly", (paths) => (paths["/rooms"].get.parameters[0].schema.maximum = 50), "GET /rooms query.limit: maximum is 50 now, was 200"],
    ["need a new field", (paths) => paths["/rooms"].post.requestBody.content["application/json"].schema.required.push("title"), "POST /rooms body.title: is required now"],
    ["lose a body", (paths) => delete paths["/rooms"].post.requestBody, "POST /rooms body: application/json is gone"],
    ["answer with another status", (paths) => (paths["/rooms"].post.responses = { "201": {} }), "POST /rooms 200: is gone"],
    ["answer without a field", (paths) => delete paths["/rooms"].get.responses["200"].content["application/json"].schema.properties.rooms, "GET /rooms 200.rooms: is gone"],
  ]; // prettier-ignore
  for (const [what, change, finding] of breaks) it(`may not ${what}`, () => expect(after(change)).to.include(finding));
});

describe("compatibility: the wire contract", () => {
  const released = [
    "# head",
    "room.post text: string (minLength 1, maxLength 80)",
    "room.post with?: string (maxLength 104, pattern ^(user|agent)/[a-z]{1,95}$)",
    "room.leave {}",
    "Page more: boolean",
    'Page kind?: "a" | "b"',
    "RoomPage extends Page",
    "RoomPage rows: { name: string; size?: number }[]",
    'RoomEvent "posted" by: string',
    "control/beat load?: array of integer (minimum 0) (maxItems 9)",
    "control/beat at: [integer, bytes]",
    'control/beat mode: "full" | "half"',
    "answer/read: Row",
    "frame/0 hello",
    "RETIRED room.post old: string",
  ];
  const after = (from: string, to: string): readonly string[] => {
    const line = released.findIndex((one) => one.startsWith(from));
    expect(line, from).to.be.at.least(0);
    const now = to === "" ? released.toSpliced(line, 1) : released.with(line, to);
    return contractFindings(released.join("\n"), now.join("\n"));
  };

  it("may grow by messages, optional fields and values", () => {
    expect(after("# head", "room.poll question: string")).to.deep.equal([]);
    expect(after("room.leave", "room.leave successor?: string")).to.deep.equal([]);
    expect(after("Page kind", 'Page kind?: "a" | "b" | "c"')).to.deep.equal([]);
    expect(after("Page more", "Page more: boolean\nPage next?: string")).to.deep.equal([]);
    expect(after("control/beat at", "control/beat at: [integer, bytes]\ncontrol/beat zone?: string")).to.deep.equal([]);
    expect(after("control/beat load", "")).to.deep.equal([]);
  });

  const breaks: readonly [from: string, to: string, finding: string][] = [
    ["room.leave", "", "room.leave: is gone"],
    ["room.post with", "", "room.post.with: is gone"],
    ["room.post text", "room.post text: string (minLength 1, maxLength 40)", "room.post.text: maxLength is 40 now, was 80"],
    ["room.post with", "room.post with?: string (maxLength 104, pattern ^user/[a-z]{1,95}$)", "room.post.with: pattern is ^user/[a-z]{1,95}$ now, was ^(user|agent)/[a-z]{1,95}$"],
    ["room.leave", "room.leave successor: string", "room.leave.successor: is required now"],
    ["Page more", "Page more?: boolean", "RoomPage.more: may be missing now"],
    ["RoomPage rows", "RoomPage rows: { name: string }[]", "RoomPage.rows[].size: is gone"],
    ["RoomPage rows", "RoomPage rows: string[]", "RoomPage.rows[]: is string now, was object"],
    ["RoomEvent", "", 'RoomEvent "posted": is gone'],
    ["control/beat load", "control/beat load: array of integer (minimum 0) (maxItems 9)", "control/beat.load: is required now"],
    ["control/beat at", "control/beat at: [integer, bytes, bytes]", "control/beat.at: has 2 places instead of 3"],
    ["control/beat mode", 'control/beat mode: "full" | "half" | "none"', 'control/beat.mode: may be "none" now'],
    ["answer/read", "answer/read: Line", "answer/read: is Line now, was Row"],
    ["frame/0", "frame/0 goodbye", "frame/0: is goodbye now, was hello"],
  ]; // prettier-ignore
  for (const [from, to, finding] of breaks)
    it(`may not have ${to === "" ? `no ${from}` : `“${to}”`}`, () => expect(after(from, to)).to.include(finding));
});
