import { Type, type Static } from "typebox";
import { roles, schema, type Role } from "../protocols/index.ts";

const path = Type.String({ minLength: 1, maxLength: 4096 });
const roleName = Type.Unsafe<Role>(Type.Union(roles.map((role) => Type.Literal(role))));

/** One GGUF file and the name people and programs ask for. */
const modelEntry = schema.object({
  name: Type.String({ pattern: "^[A-Za-z0-9][A-Za-z0-9._:-]{0,99}$", description: "Letters, digits, . _ : -" }),
  path,
});
export type ModelEntry = Static<typeof modelEntry>;

const logSchema = schema.object({
  level: Type.Union([
    Type.Literal("debug"),
    Type.Literal("info"),
    Type.Literal("warn"),
    Type.Literal("error"),
    Type.Literal("silent"),
  ]),
  /** `auto`: readable on a terminal, JSON otherwise. */
  format: Type.Union([Type.Literal("auto"), Type.Literal("json"), Type.Literal("pretty")]),
});

const limitsSchema = schema.object({
  /** From the signal to the forced end: turns and appends under way get this long. */
  drainTimeoutMs: Type.Integer({ minimum: 100, maximum: 600_000 }),
});

/** Everything one node can be told. `configSchema` is JSON Schema, so a file editor can use it as it is. */
export const configSchema = schema.object({
  data: path,
  host: Type.String({ minLength: 1, maxLength: 253 }),
  /** 0 takes any free port. */
  port: Type.Integer({ minimum: 0, maximum: 65_535 }),
  roles: Type.Array(roleName, { minItems: 1, maxItems: roles.length, uniqueItems: true }),
  labels: Type.Record(Type.String({ pattern: "^[a-z0-9][a-z0-9._-]{0,62}$" }), Type.String({ maxLength: 64 }), {
    maxProperties: 32,
  }),
  /** The first one is the default. Empty: the node serves no model. */
  models: Type.Array(modelEntry, { maxItems: 64 }),
  gpu: Type.Union([Type.Literal("off"), Type.Literal("auto")]),
  /** Upper bound of a model's context window; a model that was trained with less gets less. */
  contextTokens: Type.Integer({ minimum: 64, maximum: 1_048_576 }),
  signUp: Type.Union([Type.Literal("open"), Type.Literal("closed")]),
  log: logSchema,
  limits: limitsSchema,
});

/** A complete, checked configuration. Paths are absolute. */
export type Config = Static<typeof configSchema>;

/** One layer: any part of it. A file may hold durations as text (`10s`). */
export type ConfigInput = { readonly [K in keyof Config]?: Partial<Config[K]> | Config[K] | undefined };

/** The shape of one layer: the same fields, none required. */
export const layerSchema = Type.Object(
  Object.fromEntries(
    Object.entries({
      ...configSchema.properties,
      log: Type.Partial(logSchema, { additionalProperties: false }),
      limits: Type.Partial(limitsSchema, { additionalProperties: false }),
    }).map(([name, field]) => [name, Type.Optional(field)]),
  ),
  { additionalProperties: false },
);

/** What holds when nobody says otherwise. The data folder and the bundled model depend on the machine: the cli knows them. */
export const configDefaults = {
  /** This machine only: a node that others can reach is a decision, not an accident. */
  host: "127.0.0.1",
  port: 7070,
  roles: [...roles],
  labels: {},
  gpu: "off",
  contextTokens: 4096,
  signUp: "open",
  log: { level: "info", format: "auto" },
  limits: { drainTimeoutMs: 10_000 },
} satisfies Partial<Config>;
