/** Models that a node's store has, for nodes that fetch them (node/models). What is given is compared with the tree of hashes by whoever asked. */
import { Type } from "typebox";
import type { StoredModel } from "../models.ts";
import { modelName } from "../models.ts";
import { blobHash as digest } from "../schema.ts";
import { bytes, call, closed, count } from "./parts.ts";

/** Checked no further than this by the mesh: the asking node reads it as it reads a manifest. */
const model = Type.Unsafe<StoredModel>(Type.Object({ name: modelName, digest }));

export const modelMessages = {
  /** The manifest of a model. Error: NOT_FOUND. */
  "model.find": call("message", { name: modelName }, closed({ model })),
  /** Hashes of leaves of a file, 32 bytes each, from the leaf `from` on. Errors: NOT_FOUND, OVERLOADED. */
  "model.leaves": call("bulk", { digest, from: count, leaves: Type.Integer({ minimum: 1, maximum: 65_536 }) }, closed({ bytes })), // prettier-ignore
  /** Bytes of a file from `start` on, before `end`: at most 2 MiB. Errors: NOT_FOUND, OVERLOADED, BAD_REQUEST. */
  "model.chunk": call("bulk", { digest, start: count, end: count }, closed({ bytes })),
} as const;
