import { Button } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import type { ModelInMemory, ModelOrder, NodeInference } from "../../../../protocols/index.ts";
import { finder } from "../../../../protocols/text/names.ts";
import { notices } from "../../live/index.ts";
import { explainWithCode } from "../../model/index.ts";
import { call } from "../../wire/index.ts";
import { useDialogs } from "../shell/dialogs.tsx";
import { Note } from "../parts/note.tsx";
import { Part } from "../settings/part.tsx";
import { bytes } from "./bytes.ts";
import { Pager, SearchField, usePaged } from "./pages.tsx";

const queryKey = ["inference"];
/** What is in memory changes by itself. */
const lookMs = 2_000;
/** Nodes in the document at a time, and models of each. */
const pageNodes = 10;
const pageModels = 10;

/** The models in memory of every node: what they take and why, and what an admin can order. */
export function MemoryPart() {
  const loaded = useQuery({
    queryKey,
    queryFn: async () => {
      const result = await call("inference.list");
      if (result.ok) return result.value.nodes;
      throw new Error(explainWithCode(result.error, "look"));
    },
    refetchInterval: lookMs,
    staleTime: 0,
    retry: false,
  });
  return (
    <Part
      title="In memory"
      about="A node loads a model when somebody first uses it, and unloads it when another model needs the memory."
    >
      {loaded.error !== null && <Note tone="bad">{loaded.error.message}</Note>}
      {loaded.data !== undefined && <MemoryList nodes={loaded.data} />}
    </Part>
  );
}

/** Some nodes at a time, with the models of which there are most in the document. */
function MemoryList({ nodes }: { readonly nodes: readonly NodeInference[] }) {
  const [text, setText] = useState("");
  const found = nodes.filter(({ node, models }) => finder(text)(node, ...models.map(({ model }) => model)));
  const { shown, trail, next } = usePaged(found, pageNodes, text);
  return (
    <>
      {nodes.length > pageNodes && (
        <SearchField label="Search in memory" placeholder="Node or model" text={text} onText={setText} />
      )}
      {shown.map((one) => (
        <NodeRows key={one.node} one={one} alone={nodes.length === 1} />
      ))}
      <Pager trail={trail} next={next} waits={false} back="Previous" on="Next" />
    </>
  );
}

function NodeRows({ one, alone }: { readonly one: NodeInference; readonly alone: boolean }) {
  const { node, error, memory, threads, models } = one;
  const { shown, trail, next } = usePaged(models, pageModels);
  return (
    <section aria-label={`Memory of ${node}`}>
      {!alone && <h3>{node}</h3>}
      {error !== undefined && <Note tone="warn">{explainWithCode(error, "look")}</Note>}
      {memory !== undefined && threads !== undefined && (
        <p className="dim">
          {bytes(memory.usedBytes)} of {bytes(memory.budgetBytes)} for models: {memory.because}. {threads.now}{" "}
          {threads.now === 1 ? "thread" : "threads"}
          {threads.now !== threads.most && ` of ${threads.most}`}: {threads.because}.
        </p>
      )}
      <ul className="lines">
        {shown.map((model) => (
          <InMemory key={model.model} node={node} one={model} />
        ))}
      </ul>
      <Pager trail={trail} next={next} waits={false} back="Previous models" on="More models" />
      {error === undefined && models.length === 0 && <p className="dim">This node serves no models.</p>}
    </section>
  );
}

function InMemory({ node, one }: { readonly node: string; readonly one: ModelInMemory }) {
  const { ask } = useDialogs();
  const queries = useQueryClient();
  const { model, state, pinned, because, leavesInMs } = one;
  const where = `${model} on ${node}`;
  const isComing = state === "loading" || state === "waiting";
  const order = async (what: ModelOrder, drain = false): Promise<void> => {
    const result = await call(`inference.${what}`, { model, node, ...(drain && { drain }) });
    await queries.invalidateQueries({ queryKey });
    if (result.ok) return;
    if (result.error.code !== "MODEL_BUSY" || drain) return notices.fail(result.error);
    const question = isComing
      ? {
          title: `Refuse the calls that wait for “${model}”?`,
          body: <p>They wait until it is loaded. When the load stops they are refused.</p>,
          action: "Stop it",
        }
      : {
          title: `Let the calls of “${model}” end first?`,
          body: <p>It takes no new calls, and leaves memory when the running ones have ended.</p>,
          action: "Unload then",
        };
    if (await ask(question)) await order("unload", true);
  };
  const isThere = state === "ready" || state === "leaving";
  const does = isComing ? "Stop" : isThere ? "Unload" : "Load";
  return (
    <li className="model-row">
      <div className="row">
        <span className="grow">
          <span className="ellipsis line-title">
            {model} <span className={state === "failed" ? "pull-error" : "dim"}>{words[state]}</span>
          </span>
          <span className="dim break">{factsOf(one).join(" · ")}</span>
          {" · "}
          <span className={state === "failed" ? "pull-error break" : "dim break"}>
            {because}
            {leavesInMs !== undefined && `: in ${Math.ceil(leavesInMs / 1_000)} s`}
          </span>
        </span>
        <Button
          variant="default"
          size="xs"
          disabled={(isThere || isComing) && pinned}
          aria-label={`${does} ${where}`}
          onClick={() => void order(does === "Load" ? "load" : "unload")}
        >
          {does}
        </Button>
        <Button
          variant="default"
          size="xs"
          aria-label={pinned ? `Unpin ${where}` : `Pin ${where}`}
          onClick={() => void order(pinned ? "unpin" : "pin")}
        >
          {pinned ? "Unpin" : "Pin"}
        </Button>
      </div>
    </li>
  );
}

const words: Readonly<Record<ModelInMemory["state"], string>> = {
  idle: "not in memory",
  waiting: "waits",
  loading: "loading",
  ready: "in memory",
  leaving: "leaving",
  failed: "failed",
};

/** What a model takes and does, as far as it is known. */
function factsOf(one: ModelInMemory): readonly string[] {
  const { memoryBytes, estimatedBytes, device, layers, gpuBytes, threads, batchTokens, places, contextTokens } = one;
  const { running, waiting, tokensPerSecond } = one;
  const estimate = estimatedBytes === undefined ? undefined : `estimate ${bytes(estimatedBytes)}`;
  const card = layers && `${layers.offloaded} of ${layers.total} layers on it`;
  return [
    memoryBytes > 0 ? `${bytes(memoryBytes)}${estimate === undefined ? "" : ` (${estimate})`}` : estimate,
    device,
    card,
    gpuBytes === undefined ? undefined : `${bytes(gpuBytes)} of its memory`,
    threads && `${threads.now} of ${threads.most} ${threads.most === 1 ? "thread" : "threads"}`,
    batchTokens === undefined ? undefined : `batches of ${batchTokens}`,
    places === undefined ? undefined : `${places} × ${(contextTokens ?? 0).toLocaleString("en")} tokens`,
    running + waiting > 0 ? `${running} running, ${waiting} waiting` : undefined,
    tokensPerSecond === undefined ? undefined : `${tokensPerSecond} tokens/s a call`,
  ].filter((fact) => fact !== undefined);
}
