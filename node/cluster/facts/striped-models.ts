/** The models that lie in stripes on the storage nodes: a row of the directory for each, written by the node that puts
 *  it there. */
import { Type } from "typebox";
import { modelNamePattern, stripeRef, type StripeRef } from "../../../protocols/index.ts";
import { checkOf } from "../../../protocols/wire/check.ts";
import type { Directory, DirectoryRow, NodeId } from "../../ports/index.ts";
import { watchNamedRows, type NamedRows } from "./named-rows.ts";

/** A model in stripes. Without `index` it is on its way there. */
export interface StripedModel {
  /** The digest of the model. */
  readonly name: string;
  /** What people call it. */
  readonly model: string;
  /** When the node that put it there had pulled it: of two of one name the later one counts. */
  readonly addedAtMs: number;
  readonly sizeBytes: number;
  /** The node that puts it there, or did. */
  readonly by: NodeId;
  /** Another one with each try. The holders keep its stripes for this try alone, so what ends one touches no other. */
  readonly attempt: string;
  /** The stripe that names all others. Each of them is kept for good since this is here. */
  readonly index?: StripeRef;
  /** Every holder was seen to keep its shards. */
  readonly whole?: boolean;
}

export { withoutName } from "./named-rows.ts";

/** All of them. */
export type StripedModels = NamedRows<StripedModel>;

export const stripedModelPrefix = "model/";

const count = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });
const isStripedModel = checkOf(
  Type.Object({
    name: Type.String({ pattern: "^[0-9a-f]{64}$" }),
    model: Type.String({ pattern: modelNamePattern }),
    addedAtMs: count,
    sizeBytes: count,
    by: Type.String({ minLength: 1, maxLength: 128 }),
    attempt: Type.String({ pattern: "^[0-9a-z]{1,24}$" }),
    index: Type.Optional(stripeRef),
    whole: Type.Optional(Type.Boolean()),
  }),
);

/** Whether a value may lie under a key of such a row. */
export const isStripedModelRow = (key: string, value: unknown): boolean =>
  isStripedModel.Check(value) && `${stripedModelPrefix}${value.name}` === key;

const read = ({ key, value }: DirectoryRow): StripedModel | undefined =>
  isStripedModelRow(key, value) ? (value as StripedModel) : undefined;

/** Models in stripes that a cluster may have: those that it wants, and each once more while it changes. */
const stripedModelsMax = 256;

/** Begins to watch the rows. */
export const watchStripedModels = (directory: Directory): StripedModels =>
  watchNamedRows<StripedModel>(directory, {
    one: "model",
    prefix: stripedModelPrefix,
    read,
    limit: { stripedModelsMax },
  });
