/** What the operations on the keys of the cluster's backups do. */
import type { Static } from "typebox";
import {
  backupActor,
  failure,
  failureOf,
  forOperator,
  ok,
  refused,
  type ActorId,
  type beginKit,
  type confirmKit,
  type Done,
  type HandlersOf,
  type keyOperations,
  type KeysStatus,
  type RestoreKeys,
  type Result,
} from "../../protocols/index.ts";
import type { Message } from "../../actors/behavior.ts";

/** What is asked of the cluster's keys. Keys cross it only sealed. */
export interface KeysControl {
  status(): Promise<KeysStatus>;
  beginKit(to: Static<typeof beginKit>): Promise<Result<KeysStatus["epochs"]>>;
  confirmKit(
    root: Static<typeof confirmKit>["root"],
    by: Omit<Static<typeof confirmKit>, "root">,
  ): Promise<Result<KeysStatus>>;
  trust(words: string): Promise<Result<KeysStatus>>;
  rotate(options: { readonly compromised: boolean }): Promise<Result<KeysStatus>>;
  restore(told: RestoreKeys): Promise<Result<KeysStatus>>;
  erase(tenant: string): Promise<Result<number>>;
}

/** Only a person with access to the machine decides which root its node trusts: that somebody is an admin is only what
 *  members say. */
const operatorAlone = {
  reason: "this is for the node's operator: run the command on its machine, with its data folder",
};

/** What the audit has of the keys: which kit there is, how many epochs, and of how many this node has the keys. */
const saidBy = ({ root, epochs, here }: KeysStatus) => ({
  kit: root?.commitment ?? "",
  epochs: epochs.length,
  here: here.length,
});

/** The handlers. */
export function handleKeys(
  keys: KeysControl,
  ask: (to: ActorId, message: Message) => Promise<Result<unknown>>,
): HandlersOf<typeof keyOperations> {
  /** How they stand before a change; undefined: nobody can say. While the directory does not answer nothing is tried,
   *  so nothing is in doubt. Error: DIRECTORY_AWAY. */
  const standing = async (): Promise<Result<KeysStatus | undefined>> => {
    try {
      return ok(await keys.status());
    } catch (error) {
      const { code, details } = failureOf(error);
      return code === "DIRECTORY_UNAVAILABLE" ? refused(failure("DIRECTORY_AWAY", details)) : ok(undefined);
    }
  };
  /** Changes them, and says how they were and are. */
  const change = async (act: () => Result<KeysStatus> | Promise<Result<KeysStatus>>): Promise<Done<KeysStatus>> => {
    const was = await standing();
    if (!was.ok) return { result: was };
    const result = await act();
    return { result, before: was.value && saidBy(was.value), after: result.ok ? saidBy(result.value) : undefined };
  };
  return {
    "keys.status": async () => ok(await keys.status()),
    "keys.beginKit": async (to) => {
      const was = await standing();
      const begun = was.ok ? await keys.beginKit(to) : was;
      return { result: begun.ok ? ok({ epochs: begun.value }) : begun };
    },
    "keys.confirmKit": ({ root, ...by }, asker) => {
      const confirm = () => keys.confirmKit(root, by);
      return change(() => (by.lost === true ? forOperator(asker, confirm, operatorAlone) : confirm()));
    },
    "keys.trustRoot": ({ words }, asker) => change(() => forOperator(asker, () => keys.trust(words), operatorAlone)),
    "keys.rotate": ({ compromised }) => change(() => keys.rotate({ compromised: compromised === true })),
    "keys.restore": (told) => change(() => keys.restore(told)),
    "keys.erase": async ({ tenant }, { said }) => {
      const { by: _by, ...shown } = said;
      const tell = (type: "mayErase" | "erased") => ask(backupActor, { type, tenant, ...shown } as Message);
      const was = await standing();
      if (!was.ok) return { result: was };
      const free = await tell("mayErase");
      if (!free.ok) return { result: free };
      const done = await keys.erase(tenant);
      // Where nobody knows whether it is done, it may still be under way.
      if (done.ok || done.error.outcome !== "unknown") await tell("erased");
      if (!done.ok) return { result: done };
      return { result: ok({ destroyed: done.value }), before: { keys: done.value }, after: { keys: 0 } };
    },
  };
}
