import { Button } from "@mantine/core";
import { useDialogs } from "../../dialogs.tsx";
import { Note } from "../../note.tsx";
import { Part } from "../../settings/part.tsx";
import { momentOf } from "../../time.ts";
import { changes, useAct, useKeys } from "./asks.tsx";
import { counted } from "./words.ts";

/** The recovery kit, the epochs of keys, and what is still to be wrapped or encrypted anew. The root of the keys never comes to a page. */
export function BackupKeys() {
  const act = useAct();
  const { ask } = useDialogs();
  const { data, error } = useKeys();
  const rotate = async (compromised: boolean) => {
    const question = {
      title: compromised ? "Are the keys in the wrong hands?" : "Begin new keys?",
      body: compromised ? (
        <p>
          New keys are begun, and everything that was encrypted with the old ones is to be encrypted anew. That takes as
          long as backing up all of it.
        </p>
      ) : (
        <p>
          What is made from now on has new keys; who has only the old ones reads nothing of it. What is there stays
          readable for the cluster.
        </p>
      ),
      action: compromised ? "Begin, and encrypt anew" : "Begin",
      grave: compromised,
    };
    if (await ask(question)) await act(() => changes.rotate(compromised));
  };
  return (
    <Part
      title="Keys"
      about="Anyone who has the recovery kit can open all backups. Without it, a lost cluster cannot be restored."
    >
      {error !== null && <Note tone="bad">{error.message}</Note>}
      {data !== undefined && (
        <>
          <dl className="card">
            <div>
              <dt>Recovery kit</dt>
              <dd>
                {data.root === undefined
                  ? "There is none. It is made in a terminal, because its shares must never be in a page: plexus backup kit make --to FOLDER"
                  : `${data.root.needed} of ${counted(data.root.digests.length, "share")} open it, of ${momentOf(data.root.madeAtMs)}. Try the shares now and then: plexus backup kit check`}
              </dd>
            </div>
            <div>
              <dt>Epoch</dt>
              <dd>
                {data.epochs.length === 0 ? "none" : data.epochs.length}
                {data.epochs.length > 0 && `; this node has the keys of ${data.here.length}`}
              </dd>
            </div>
            <div>
              <dt>Rotation</dt>
              <dd>
                {data.rotation === undefined
                  ? "Nothing is under way."
                  : `Keys are wrapped anew: ${data.rotation.done} of ${counted(data.rotation.total, "part")}. “New keys” goes on with it.`}
              </dd>
            </div>
            <div>
              <dt>To encrypt anew</dt>
              <dd>
                {data.reencrypt === undefined || data.reencrypt.length === 0
                  ? "Nothing."
                  : `What was made in ${data.reencrypt.length === 1 ? "epoch" : "epochs"} ${data.reencrypt.join(", ")}.`}
              </dd>
            </div>
          </dl>
          {data.root !== undefined && (
            <div className="row wrap">
              <Button variant="default" onClick={() => void rotate(false)}>
                New keys
              </Button>
              <Button variant="default" onClick={() => void rotate(true)}>
                The keys may be known to others
              </Button>
            </div>
          )}
        </>
      )}
    </Part>
  );
}
