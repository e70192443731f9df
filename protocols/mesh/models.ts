/** Models that a node's store has, for nodes that fetch them, and models in its memory, for admins
 *  (node/inference/models). The parts of files that a node gives are compared with the tree of hashes by the node
 *  that asked. */
import { Type } from "typebox";
import type { ModelInMemory, NodeInference } from "../engines/inference.ts";
import { modelOrderNames, type ModelOrder } from "../engines/model-orders.ts";
import type { StoredModel, Suggestions } from "../engines/models.ts";
import { qualityCount, type QualityCount } from "../engines/quality.ts";
import { modelName } from "../engines/models.ts";
import { blobHash as digest } from "../wire/schema.ts";
import { bytes, call, closed, count } from "./parts.ts";

/** Checked no further than this by the mesh: the asking node reads it as it reads a manifest. */
const model = Type.Unsafe<StoredModel>(Type.Object({ name: modelName, digest }));

/** Only shown: a later version may say more of them. */
const inMemory = Type.Object({ model: Type.String(), state: Type.String(), because: Type.String() });
const resident = Type.Unsafe<ModelInMemory>(inMemory);
const inference = Type.Unsafe<NodeInference>(Type.Object({ models: Type.Array(inMemory, { maxItems: 1_024 }) }));
const suggestions = Type.Unsafe<Suggestions>(
  Type.Object({
    models: Type.Array(Type.Object({ name: Type.String() }), { maxItems: 256 }),
    measured: Type.Boolean(),
  }),
);
const order = Type.Unsafe<ModelOrder>(Type.Union(modelOrderNames.map((name) => Type.Literal(name))));

const counts = Type.Array(Type.Unsafe<QualityCount>(Type.Object({ ...qualityCount.properties })), { maxItems: 256 });

export const modelMessages = {
  /** The manifest of a model. Error: NOT_FOUND. */
  "model.find": call("message", { name: modelName }, closed({ model })),
  /** Hashes of leaves of a file, 32 bytes each, from the leaf `from` on. Errors: NOT_FOUND, OVERLOADED. */
  "model.leaves": call(
    "bulk",
    { digest, from: count, leaves: Type.Integer({ minimum: 1, maximum: 65_536 }) },
    closed({ bytes }),
  ),
  /** Bytes of a file from `start` on, before `end`: at most 2 MiB. Errors: NOT_FOUND, OVERLOADED, BAD_REQUEST. */
  "model.chunk": call("bulk", { digest, start: count, end: count }, closed({ bytes })),
  /** The models of a node, and what they take. */
  "inference.view": call("control", {}, closed({ inference })),
  /** Which models fit the node's machine; with `measure` after a short run, once for all who ask. */
  "inference.suggest": call("control", { measure: Type.Boolean() }, closed({ suggestions })),
  /** Answered at once with the model as it is then. Errors: MODEL_NOT_FOUND, MODEL_BUSY, MODEL_UNAVAILABLE, FORBIDDEN
   *  (pinned), STOPPING. */
  "inference.order": call(
    "control",
    { model: Type.String({ minLength: 1, maxLength: 200 }), order, drain: Type.Boolean() },
    closed({ resident }),
  ),
  /** The same, with the person who is told what came of it. Nodes of versions before take `inference.order` alone. */
  "inference.begin": call(
    "control",
    {
      model: Type.String({ minLength: 1, maxLength: 200 }),
      order,
      drain: Type.Boolean(),
      by: Type.String({ maxLength: 200 }),
    },
    closed({ resident }),
  ),
  /** What a node has counted of the models that it called (node/inference/quality). */
  "quality.read": call("control", {}, closed({ counts })),
} as const;
