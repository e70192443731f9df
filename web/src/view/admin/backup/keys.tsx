import { Button } from "@mantine/core";
import { counted } from "../../../../../protocols/words/amounts.ts";
import { useDialogs } from "../../shell/dialogs.tsx";
import { Note } from "../../parts/note.tsx";
import { Told } from "../../parts/told.tsx";
import { Part } from "../../settings/part.tsx";
import { momentOf } from "../../parts/time.ts";
import { changes, useAct, useKeys } from "./queries.tsx";

/** The recovery kit, the epochs of keys, and what is still to be wrapped or encrypted anew. The root of the keys never
 *  comes to a page. */
export function BackupKeys() {
  const act = useAct();
  const { ask } = useDialogs();
  const { data, error } = useKeys();
  const rotate = async (compromised: boolean) => {
    const question = {
      title: compromised ? "Are the keys in the wrong hands?" : "Make new keys?",
      body: compromised ? (
        <p>
          New keys are made, and everything that the old ones encrypted is encrypted again. That takes as long as a full
          backup.
        </p>
      ) : (
        <p>
          New backups use new keys, and somebody who has only the old keys cannot read them. The cluster can still read
          its old backups.
        </p>
      ),
      action: compromised ? "Make keys, and encrypt again" : "Begin",
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
                <Told
                  text={
                    data.root === undefined
                      ? "There is none. Make it in a terminal, because its shares must never be shown on a page: " +
                        "`plexus backup kit make --to FOLDER`"
                      : `${data.root.needed} of ${counted(data.root.digests.length, "share")} open it, of ` +
                        `${momentOf(data.root.madeAtMs)}. Try the shares now and then: \`plexus backup kit check\``
                  }
                />
              </dd>
            </div>
            <div>
              <dt>Generations of keys</dt>
              <dd>
                {data.epochs.length === 0 ? "none" : data.epochs.length}
                {data.epochs.length > 0 && `; this node has ${data.here.length} of them`}
              </dd>
            </div>
            <div>
              <dt>Rotation</dt>
              <dd>
                {data.rotation === undefined
                  ? "No new keys are being made."
                  : `New keys are being made: ${data.rotation.done} of ${counted(data.rotation.total, "part")} ` +
                    "are done. “New keys” continues."}
              </dd>
            </div>
            <div>
              <dt>To encrypt again</dt>
              <dd>
                {data.reencrypt === undefined || data.reencrypt.length === 0
                  ? "Nothing."
                  : `Backups with the keys of ${data.reencrypt.length === 1 ? "generation" : "generations"} ` +
                    `${data.reencrypt.join(", ")}.`}
              </dd>
            </div>
          </dl>
          {data.root !== undefined && (
            <div className="row wrap">
              <Button variant="default" onClick={() => void rotate(false)}>
                New keys
              </Button>
              <Button variant="default" onClick={() => void rotate(true)}>
                Others may know the keys
              </Button>
            </div>
          )}
        </>
      )}
    </Part>
  );
}
