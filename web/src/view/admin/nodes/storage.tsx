import { Button, TextInput } from "@mantine/core";
import { useState } from "react";
import { storageText } from "../../../../../protocols/words/cluster-words.ts";
import type { ClusterNodeRow, Failure } from "../../../../../protocols/index.ts";
import { explainWithCode } from "../../../model/index.ts";
import { useDialogs } from "../../shell/dialogs.tsx";
import { bytes } from "../bytes.ts";
import { changes, useAct } from "./queries.ts";
import { quotaFrom, quotaRule } from "./quota-text.ts";

/** What came of a change, to be read in its place. */
export interface Said {
  readonly tone: "good" | "warn" | "bad";
  readonly text: string;
}

/** Changes how much a node may keep of shards; of a node that keeps none there is nothing to change. */
export function StorageButton(props: { readonly node: ClusterNodeRow; readonly onSaid: (said: Said) => void }) {
  const { node, onSaid } = props;
  const change = useStorage(onSaid);
  if (node.shards === undefined) return null;
  return (
    <Button variant="default" size="xs" aria-label={`Storage of ${node.name}`} onClick={() => void change(node)}>
      Storage
    </Button>
  );
}

/** Asks how much a node may keep of shards, and says so to the cluster. */
function useStorage(onSaid: (said: Said) => void): (node: ClusterNodeRow) => Promise<void> {
  const act = useAct();
  const { ask } = useDialogs();
  return async ({ node, name, shards }) => {
    const known = shards?.allowed?.quotaBytes ?? null;
    let text = known === null ? "" : String(known / 1e9);
    const body = <ChooseQuota of={text} usedBytes={shards?.usedBytes} onChoose={(chosen) => (text = chosen)} />;
    if (!(await ask({ title: `Storage of ${name}`, body, action: "Change" }))) return;
    const quotaBytes = quotaFrom(text);
    if (quotaBytes === "wrong")
      return onSaid({ tone: "bad", text: `The quota of ${name} was not changed. ${quotaRule}` });
    if (quotaBytes === known) return;
    const refusedBy = (refusal: Failure) => {
      onSaid({ tone: "bad", text: `The quota of ${name} was not changed. ${explainWithCode(refusal)}` });
      return true;
    };
    const done = await act(() => changes.storage(node, quotaBytes, known), refusedBy);
    if (done === undefined) return;
    const keeps = quotaBytes === null ? "as much as its operator gives" : storageText({ quotaBytes });
    onSaid(
      done.beyondBytes === undefined
        ? { tone: "good", text: `${name} keeps ${keeps} from now on.` }
        : {
            tone: "warn",
            text:
              `${name} keeps ${keeps} from now on. It has ${bytes(done.beyondBytes)} more than that: ` +
              "it takes nothing new, and throws nothing away.",
          },
    );
  };
}

function ChooseQuota(props: {
  readonly of: string;
  readonly usedBytes: number | undefined;
  readonly onChoose: (text: string) => void;
}) {
  const [text, setText] = useState(props.of);
  const has = props.usedBytes === undefined ? "" : ` It has ${bytes(props.usedBytes)} now.`;
  return (
    <TextInput
      label="Most that it keeps, in GB"
      description={`Counts the parts of backups that it stores. Empty: as much as its operator allows.${has}`}
      error={quotaFrom(text) === "wrong" ? quotaRule : undefined}
      value={text}
      inputMode="decimal"
      maxLength={20}
      onChange={(event) => {
        setText(event.currentTarget.value);
        props.onChoose(event.currentTarget.value);
      }}
    />
  );
}
