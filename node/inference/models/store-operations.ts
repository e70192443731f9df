/** What the operations on the models of a node's disk do, and the one that shows which node serves which. */
import {
  acted,
  failure,
  ok,
  PlexusError,
  refused,
  type engineOperations,
  type HandlersOf,
  type ServingRow,
  type storeOperations,
} from "../../../protocols/index.ts";
import { viewOfStore, type StoreParts } from "../../cluster/facts/wanted-models.ts";

/** The handlers for the models on the disk; `node` is what this node is called. */
export function handleStore(parts: StoreParts, node: string): HandlersOf<typeof storeOperations> {
  const { store, wanted } = parts;
  return {
    "store.list": () => ok(viewOfStore(parts, node)),
    "store.show": ({ name }) => {
      const model = store.get(name);
      return model === undefined ? refused(failure("NOT_FOUND", { model: name })) : ok(model);
    },
    "store.pull": async (request, { by }) => acted(store.pull(request, by)),
    "store.pulling": ({ id }) => {
      const pull = store.pulls().find((one) => one.id === id);
      return pull === undefined ? refused(failure("NOT_FOUND", { pull: id })) : ok(pull);
    },
    "store.endPull": async ({ id }) => acted(store.cancel(id)),
    "store.remove": async ({ name }) => {
      const removed = await store.remove(name);
      return acted(removed.ok ? ok({}) : removed);
    },
    "store.verify": ({ name }) => store.verify(name),
    "store.setWanted": async ({ models }) => {
      if (new Set(models.map(({ name }) => name)).size !== models.length)
        throw new PlexusError(failure("BAD_REQUEST", { path: "/models", problem: "a name is there twice" }));
      const before = { models: namesOf(wanted.current()) };
      await wanted.set(models);
      return { result: ok({ wanted: [...wanted.current()] }), before, after: { models: namesOf(models) } };
    },
  };
}

const namesOf = (models: readonly { readonly name: string }[]): string => models.map(({ name }) => name).join(",");

/** The handler that shows which node serves which model. */
export const handleEngines = (serving: () => readonly ServingRow[]): HandlersOf<typeof engineOperations> => ({
  "engines.list": () => ok({ serving: serving() }),
});
