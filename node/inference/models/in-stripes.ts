/** How a model lies in stripes: its files in pieces, the hashes of their leaves, and one more stripe that names them
 *  all. Nothing of it is secret. */
import { Type, type Static } from "typebox";
import {
  failure,
  ok,
  refused,
  stripeRef,
  type ActorId,
  type Result,
  type StoredModel,
  type StripedView,
  type StripeRef,
  type WantedModel,
} from "../../../protocols/index.ts";
import { checkOf } from "../../../protocols/wire/check.ts";
import { stripedModelPrefix, type StripedModel } from "../../cluster/facts/striped-models.ts";
import type { Directory, StripeOwners } from "../../ports/index.ts";
import { isModel } from "./stored-model.ts";

/** What stripes of models are coded by. */
export const modelClass = "model";

/** For whom the holders keep a model's stripes. */
export const ownerOfModel = ({ name, attempt }: Pick<StripedModel, "name" | "attempt">): ActorId =>
  `models/${name}.${attempt}`;

const ownerPattern = /^models\/([0-9a-f]{64})\.([0-9a-z]+)$/;

const refs = Type.Array(stripeRef);
const fileStripes = Type.Object({
  /** SHA-256 of the file. */
  digest: Type.String({ pattern: "^[0-9a-f]{64}$" }),
  /** Its bytes, `pieceBytes` each, the last one what is left. */
  pieces: refs,
  /** The hashes of its leaves, one behind the other, in pieces of the same size. */
  leaves: refs,
});
export type FileStripes = Static<typeof fileStripes>;

const isIndex = checkOf(
  Type.Object({
    version: Type.Literal(1),
    pieceBytes: Type.Integer({ minimum: 1 }),
    model: Type.Object({ name: Type.String() }),
    files: Type.Array(fileStripes, { minItems: 1 }),
  }),
);

/** What the stripe says that names all others. */
export interface ModelIndex {
  readonly version: 1;
  readonly pieceBytes: number;
  readonly model: StoredModel;
  readonly files: readonly FileStripes[];
}

/** The bytes of an index. */
export const encodeIndex = (index: ModelIndex): Uint8Array => Buffer.from(JSON.stringify(index));

/** Reads an index. Error: DATA_DAMAGED. */
export function decodeIndex(bytes: Uint8Array): Result<ModelIndex> {
  try {
    const index: unknown = JSON.parse(Buffer.from(bytes).toString("utf8"));
    if (isIndex.Check(index)) {
      const { model } = index as unknown as ModelIndex;
      if (isModel(model, model.name)) return ok(index as unknown as ModelIndex);
    }
  } catch {
    // The same for what is no JSON.
  }
  return refused(failure("DATA_DAMAGED", { reason: "a list of a model's stripes is none" }));
}

/** Every stripe that an index names, each once. */
export const stripesOf = ({ files }: Pick<ModelIndex, "files">): readonly StripeRef[] => [
  ...new Map(files.flatMap(({ pieces, leaves }) => [...pieces, ...leaves]).map((one) => [one.id, one])).values(),
];

/** How the wanted models stand that are to lie on the storage nodes. */
export const stripedViews = (
  wanted: readonly WantedModel[],
  { rows, canStripe }: { readonly rows: readonly StripedModel[]; readonly canStripe: () => Result<null> },
): readonly StripedView[] =>
  wanted.flatMap(({ name, keep }): readonly StripedView[] => {
    if (keep !== "stripes") return [];
    const own = rows.filter(({ model }) => model === name);
    const row = own.find(({ whole }) => whole) ?? own.find(({ index }) => index !== undefined) ?? own[0];
    if (row === undefined || row.index === undefined) {
      const can = canStripe();
      return [{ name, state: row === undefined ? "waiting" : "storing", ...(!can.ok && { error: can.error }) }];
    }
    return [{ name, state: row.whole === true ? "whole" : "stored", sizeBytes: row.sizeBytes }];
  });

/** The models among the owners of stripes. */
export const ownersOfModels = (directory: Pick<Directory, "read">): StripeOwners => ({
  isOf: (owner) => ownerPattern.test(owner),
  async refersTo(owner) {
    const [, digest, attempt] = ownerPattern.exec(owner) ?? [];
    try {
      const row = await directory.read(`${stripedModelPrefix}${digest}`);
      return row !== undefined && (row.value as Partial<StripedModel>).attempt === attempt;
    } catch {
      return undefined;
    }
  },
});
