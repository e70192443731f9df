import { Button, TextInput } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import type { Failure, ModelsView, OperationInput, PullView, StoredModel } from "../../../../protocols/index.ts";
import { notices, queryKeys } from "../../live/index.ts";
import { explainWithCode } from "../../model/index.ts";
import { locale } from "../../model/locale.ts";
import { call, callWithin, watchModels } from "../../wire/index.ts";
import { useDialogs } from "../shell/dialogs.tsx";
import { useFaults } from "../parts/faults.ts";
import { Form } from "../parts/form.tsx";
import { useRights } from "../parts/rights.ts";
import { Part } from "../settings/part.tsx";
import { dateOf } from "../parts/time.ts";
import { Told } from "../parts/told.tsx";
import { bytes } from "./bytes.ts";
import { AdminPage } from "./frame.tsx";
import { ChoicePart } from "./choice-part.tsx";
import { MemoryPart } from "./memory-part.tsx";
import { SuggestedModels } from "./suggestions.tsx";
import { Endpoints } from "./endpoints.tsx";
import { Quality } from "./quality.tsx";

/** A large model takes a while to read. */
const verifyTimeoutMs = 3_600_000;

/** The models of the node that served the page, for admins. */
export function ModelsPage() {
  const { may } = useRights();
  const view = useStore(may("cluster.see"));
  return (
    <AdminPage
      title={`Models${view === undefined ? "" : ` on ${view.node}`}`}
      needs="cluster.see"
      refusal="Only admins see and change the models of a node."
    >
      <MemoryPart />
      {view !== undefined && <Store view={view} />}
      {view !== undefined && <Endpoints />}
      <ChoicePart />
      <Quality />
    </AdminPage>
  );
}

/** How the node's models stand; undefined until that is known. */
function useStore(wanted: boolean): ModelsView | undefined {
  const [view, setView] = useState<ModelsView>();
  const queries = useQueryClient();
  useEffect(() => (wanted ? watchModels(setView) : undefined), [wanted]);
  const names = view?.models.map(({ name }) => name).join();
  // What agents may be given follows a moment later.
  useEffect(() => void queries.invalidateQueries({ queryKey: queryKeys.models }), [names, queries]);
  return view;
}

function Store({ view }: { readonly view: ModelsView }) {
  const { models, pulls, refused, wanted } = view;
  // Of one source the newest pull counts; they come newest first.
  const newest = pulls.filter((pull, index) => pulls.findIndex(({ source }) => source === pull.source) === index);
  const failed = newest.filter(({ state }) => state === "failed").slice(0, shownFailedMax);
  const shown = pulls.filter((pull) => !isOver(pull.state) || failed.includes(pull));
  return (
    <>
      <NewPull node={view.node} pulls={pulls} />
      {shown.length > 0 && (
        <Part title="Pulls">
          <ul className="lines">
            {shown.map((pull) => (
              <PullRow key={pull.id} pull={pull} />
            ))}
          </ul>
        </Part>
      )}
      <Part title="On this node" about="Nodes with the role ai run these models. GGUF files are run by llama.cpp.">
        <ul className="lines">
          {models.map((model) => (
            <ModelRow key={model.name} model={model} damaged={view.damaged.includes(model.name)} />
          ))}
        </ul>
        {models.length === 0 && <p className="dim">None yet.</p>}
      </Part>
      {wanted.length > 0 && (
        <Part
          title="Kept by the cluster"
          about={
            "Nodes download these models by themselves. Change the list in a terminal: " +
            "`plexus models want` adds one, `plexus models unwant` removes one."
          }
        >
          <ul className="lines">
            {wanted.map(({ name, source, nodes, labels = {} }) => (
              <li key={name}>
                <span className="grow">
                  <span className="ellipsis line-title">{name}</span>
                  <span className="dim">
                    On {nodes} {nodes === 1 ? "node" : "nodes"}
                    {Object.entries(labels).map(([label, value]) => `, ${label} ${value}`)}, from {source}
                  </span>
                </span>
              </li>
            ))}
          </ul>
        </Part>
      )}
      {refused.length > 0 && (
        <Part
          title="Refused files"
          about="These downloaded files are not usable as models. They are kept apart and never loaded."
        >
          <ul className="lines">
            {refused.map(({ id, file, source, reason }) => (
              <li key={id}>
                <span className="grow">
                  <span className="ellipsis line-title">{file}</span>
                  <span className="dim break">
                    {reason}. From {source}
                  </span>
                </span>
              </li>
            ))}
          </ul>
        </Part>
      )}
    </>
  );
}

/** Of failed pulls so many are shown. */
const shownFailedMax = 3;
const isOver = (state: PullView["state"]): boolean => ["done", "failed", "cancelled"].includes(state);

function NewPull({ node, pulls }: { readonly node: string; readonly pulls: readonly PullView[] }) {
  const { ask } = useDialogs();
  const [source, setSource] = useState("");
  const [name, setName] = useState("");
  const [asked, setAsked] = useState<{ readonly id: string; readonly body: OperationInput<"store.pull"> }>();
  const faults = useFaults({
    source:
      "hf:OWNER/REPO:FILE, ollama:NAME:TAG, cluster:NAME, an address that begins with https://, or a path on " +
      "the node’s machine.",
    name: "Letters, digits, ., _, -, : and /, at most 100 of them.",
  });
  const pull = async (body: OperationInput<"store.pull">) => {
    const begun = await call("store.pull", body);
    if (!begun.ok) return void faults.take(begun.error);
    setAsked({ id: begun.value.id, body });
    setSource("");
    setName("");
  };
  const begin = () => {
    void pull({ source: source.trim(), ...(name.trim() !== "" && { name: name.trim() }) });
  };
  const waiting = pulls.find(({ id, error }) => id === asked?.id && error?.code === "LICENCE_NOT_ACCEPTED");
  useEffect(() => {
    if (waiting === undefined || asked === undefined) return;
    setAsked(undefined);
    void (async () => {
      const question = {
        title: `Accept the licence of ${waiting.name ?? "this model"}?`,
        body: <Licence error={waiting.error} />,
        action: "Accept and pull",
      };
      if (await ask(question)) await pull({ ...asked.body, acceptLicence: true });
    })();
    // Once for each pull that is refused for its licence.
  }, [waiting?.id]);
  return (
    <Part
      title="Pull a model"
      about={
        "From a repository (hf:OWNER/REPO:Q4_K_M), Ollama's registry (ollama:NAME:TAG), a web address, another " +
        "node (cluster:NAME), or a path on the node's machine."
      }
    >
      <Form id="pull" faults={faults} className="row field-row" onSubmit={begin}>
        <TextInput
          className="grow"
          label="Source"
          placeholder="hf:Qwen/Qwen2.5-0.5B-Instruct-GGUF:Q4_K_M"
          error={faults.of("source")}
          value={source}
          maxLength={2_048}
          onChange={(event) => setSource(event.currentTarget.value)}
          required
        />
        <TextInput
          label="Name here"
          placeholder="as at the source"
          error={faults.of("name")}
          value={name}
          maxLength={100}
          onChange={(event) => setName(event.currentTarget.value)}
        />
        <Button type="submit" disabled={source.trim() === ""}>
          Pull
        </Button>
      </Form>
      <SuggestedModels
        node={node}
        onPull={({ source: from, name: called }) => void pull({ source: from, name: called })}
      />
    </Part>
  );
}

function Licence({ error }: { readonly error: Failure | undefined }) {
  const { licence, text } = (error?.details ?? {}) as { readonly licence?: string; readonly text?: string };
  return (
    <>
      <p>Its licence is “{licence}”. Your name is kept with the model.</p>
      {text !== undefined && (
        <pre className="licence" tabIndex={0}>
          {text}
        </pre>
      )}
    </>
  );
}

function PullRow({ pull }: { readonly pull: PullView }) {
  const { id, name, source, state, doneBytes, totalBytes, bytesPerSecond, error } = pull;
  const title = name ?? source;
  const share = totalBytes === undefined || totalBytes === 0 ? undefined : Math.floor((doneBytes / totalBytes) * 100);
  const cancel = async () => {
    const result = await call("store.endPull", { id });
    if (!result.ok) notices.fail(result.error);
  };
  // There is no flag here: the question comes when it is pulled again.
  const needsLicence = error?.code === "LICENCE_NOT_ACCEPTED";
  return (
    <li>
      <span className="grow">
        <span className="ellipsis line-title">{title}</span>
        {error === undefined ? (
          <span className="dim" role="status">
            {words[state]}
            {state === "fetching" &&
              `: ${bytes(doneBytes)}${totalBytes === undefined ? "" : ` of ${bytes(totalBytes)}`}`}
            {state === "fetching" && bytesPerSecond !== undefined && `, ${bytes(bytesPerSecond)} a second`}
          </span>
        ) : (
          <span className="pull-error break">
            <Told
              text={needsLicence ? "Its licence was not accepted. Pull it again to read it." : explainWithCode(error)}
            />
          </span>
        )}
        {!isOver(state) && (
          <progress aria-label={`Progress of ${title}`} max={100} {...(share !== undefined && { value: share })} />
        )}
      </span>
      {!isOver(state) && (
        <Button variant="default" size="xs" aria-label={`Cancel the pull of ${title}`} onClick={() => void cancel()}>
          Cancel
        </Button>
      )}
    </li>
  );
}

const words: Readonly<Record<PullView["state"], string>> = {
  waiting: "Waiting for its turn",
  resolving: "Searching",
  fetching: "Fetching",
  checking: "Checking the file",
  done: "Done",
  failed: "Failed",
  cancelled: "Cancelled",
};

function ModelRow({ model, damaged }: { readonly model: StoredModel; readonly damaged: boolean }) {
  const { ask } = useDialogs();
  const [open, setOpen] = useState(false);
  const [checking, setChecking] = useState(false);
  const { name, card, size } = model;
  const remove = async () => {
    const question = {
      title: `Remove “${name}” from this node?`,
      body: <p>{bytes(size)} become free. People and agents that use it get no more answers from this node.</p>,
      action: "Remove",
      grave: true,
    };
    if (!(await ask(question))) return;
    const result = await call("store.remove", { name });
    if (!result.ok) notices.fail(result.error);
  };
  const verify = async () => {
    setChecking(true);
    const result = await callWithin(verifyTimeoutMs)("store.verify", { name });
    setChecking(false);
    if (!result.ok) return notices.fail(result.error);
    const isFine = result.value.files.every(({ state }) => state === "fine");
    notices.show(isFine ? `${name}: its files are intact.` : `${name} is damaged: pull it again.`);
  };
  const about = [bytes(size), card.family, card.quantisation, card.contextTokens && `${card.contextTokens} tokens`];
  return (
    <li className="model-row">
      <div className="row">
        <span className="grow">
          <span className="ellipsis line-title">
            {name}
            {damaged && <span className="pull-error"> damaged</span>}
          </span>
          <span className="dim">{about.filter(Boolean).join(" · ")}</span>
        </span>
        <Button
          variant="default"
          size="xs"
          aria-expanded={open}
          aria-label={`Card of ${name}`}
          onClick={() => setOpen(!open)}
        >
          Card
        </Button>
        <Button
          variant="default"
          size="xs"
          loading={checking}
          aria-label={`Check ${name}`}
          onClick={() => void verify()}
        >
          Check
        </Button>
        <Button variant="default" size="xs" aria-label={`Remove ${name}`} onClick={() => void remove()}>
          Remove
        </Button>
      </div>
      {open && <Card model={model} />}
    </li>
  );
}

function Card({ model }: { readonly model: StoredModel }) {
  const { card, digest, source, addedAtMs, acceptedBy, files } = model;
  const { licence } = card;
  const facts: readonly (readonly [string, string | undefined])[] = [
    ["Title", card.title],
    ["Kind", `${card.kind}, ${card.format}`],
    ["Parameters", card.parameters === undefined ? undefined : count.format(card.parameters)],
    ["Can", card.capabilities.join(", ") || undefined],
    ["Licence", licence && (acceptedBy === undefined ? licence : `${licence}, accepted by ${acceptedBy}`)],
    ["From", source],
    ["Since", dateOf(addedAtMs)],
    ["Files", files.length > 1 ? files.map(({ path }) => path).join(", ") : undefined],
    ["SHA-256", digest],
  ];
  return (
    <dl className="card">
      {facts.map(
        ([label, value]) =>
          value !== undefined && (
            <div key={label}>
              <dt>{label}</dt>
              <dd>{value}</dd>
            </div>
          ),
      )}
    </dl>
  );
}

const count = new Intl.NumberFormat(locale, { notation: "compact", maximumSignificantDigits: 3 });
