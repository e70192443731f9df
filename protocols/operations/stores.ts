/** The models on a node's disk, and which node serves which model. */
import { Type } from "typebox";
import { answer } from "../wire/command.ts";
import type { ServingRow } from "../engines/engine.ts";
import {
  modelParams,
  pullModel,
  pullParams,
  wantedModels,
  withoutSecrets,
  type ModelsView,
  type PullView,
  type StoredModel,
  type VerifiedModel,
} from "../engines/models.ts";
import { counted } from "../words/amounts.ts";
import { changes, fieldsOf, listOf, ofDirectory, reads } from "./operation.ts";

const tags = ["models"];

const wanted = fieldsOf({
  name: Type.String(),
  source: Type.String(),
  nodes: Type.Number({ description: "On how many nodes." }),
  labels: Type.Optional(
    Type.Record(Type.String(), Type.String(), { description: 'Only nodes with these labels: `{ zone: "a" }`.' }),
  ),
  digest: Type.Optional(Type.String()),
  acceptLicence: Type.Optional(Type.Boolean()),
});

const checkedWords = ({ files }: VerifiedModel): string => {
  const bad = files.filter(({ state }) => state !== "fine");
  const rest = bad.map(({ path, state }) => `${path} is ${state}`).join(", ");
  return `${counted(files.length, "file")} checked${bad.length === 0 ? ", all intact" : `: ${rest}`}.`;
};

export const storeOperations = {
  "store.list": reads({
    answer: answer<ModelsView>("ModelsView"),
    permission: "cluster.see",
    errors: ["NOT_FOUND"],
    summary: "The models on this node's disk, and what it pulls",
    tags,
  }),
  "store.show": reads({
    params: modelParams,
    answer: answer<StoredModel>("StoredModel"),
    permission: "cluster.see",
    errors: ["NOT_FOUND"],
    summary: "One model with its card and its files",
    tags,
  }),
  "store.pull": changes({
    fields: pullModel,
    answer: answer<PullView>("PullView"),
    code: 202,
    permission: "cluster.administer",
    errors: ["NOT_FOUND", "NAME_TAKEN", "LIMIT_REACHED", "QUEUE_FULL"],
    action: "pullModel",
    facts: ({ source, name, acceptLicence = false }) => ({ source: withoutSecrets(source), name, acceptLicence }),
    remembers: ({ source, name, acceptLicence = false }) => ({
      source: withoutSecrets(source),
      ...(name !== undefined && { name }),
      acceptLicence: String(acceptLicence),
    }),
    summary: "Begins to pull a model, or finds the pull of the same that is under way",
    description:
      "Answers at once; `GET /admin/models/pulls/{id}` or the events tell how it goes. " +
      "LICENCE_NOT_ACCEPTED in `error` shows a licence: repeat with `acceptLicence`.",
    tags,
  }),
  "store.pulling": reads({
    params: pullParams,
    answer: answer<PullView>("PullView"),
    permission: "cluster.see",
    errors: ["NOT_FOUND"],
    summary: "How a pull goes",
    tags,
  }),
  "store.endPull": changes({
    params: pullParams,
    answer: answer<PullView>("PullView"),
    permission: "cluster.administer",
    errors: ["NOT_FOUND"],
    action: "cancelPull",
    facts: ({ id }) => ({ pull: id }),
    summary: "Ends a pull; what it has fetched stays for the next one",
    tags,
  }),
  "store.remove": changes({
    params: modelParams,
    answer: fieldsOf({}),
    permission: "cluster.administer",
    errors: ["NOT_FOUND", "DISK_FULL", "SOURCE_FAILED"],
    action: "removeModel",
    task: { what: ({ name }) => `Removal of ${name}` },
    facts: ({ name }) => ({ model: name }),
    remembers: ({ name }) => ({ model: name }),
    summary: "Removes a model from this node's disk",
    tags,
  }),
  "store.verify": reads({
    params: modelParams,
    answer: answer<VerifiedModel>("VerifiedModel"),
    permission: "cluster.administer",
    errors: ["NOT_FOUND", "OVERLOADED", "DISK_FULL", "SOURCE_FAILED"],
    task: { what: ({ name }) => `Check of ${name}`, again: true, result: checkedWords },
    summary: "Reads all files of a model and compares them with its manifest",
    description: "Takes seconds a gigabyte. A damaged file is put apart; pulling the model again mends it.",
    tags,
  }),
  "store.setWanted": changes({
    fields: wantedModels,
    answer: fieldsOf({ wanted: listOf(wanted) }),
    permission: "cluster.administer",
    errors: ["NOT_FOUND", ...ofDirectory],
    action: "setWantedModels",
    facts: ({ models }) => ({ models: models.map(({ name }) => name).join(",") }),
    remembers: (_, { models }) => ({ models: String(models) }),
    summary: "Which models the cluster keeps, and on how many nodes",
    description: "Replaces the list. Nodes with the role ai pull what they should have; none removes anything.",
    tags,
  }),
};

export const engineOperations = {
  "engines.list": reads({
    answer: fieldsOf({ serving: listOf(answer<ServingRow>("ServingRow")) }),
    permission: "cluster.see",
    errors: [],
    summary: "Every model on every node that offers it, and which one this node would send a call to",
    description: "`rank` 1 is the choice; `because` says why it comes before the next, or why a node is none.",
    tags: ["admin"],
  }),
};
