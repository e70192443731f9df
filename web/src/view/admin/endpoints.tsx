import { Button, NativeSelect, TextInput } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import type {
  EndpointCandidate,
  EndpointReport,
  EndpointSearch,
  SetEndpoint,
  EndpointView,
  RemoteAdapter,
  ServerKind,
} from "../../../../protocols/index.ts";
import { remoteAdapterRows } from "../../../../protocols/engines/remote-adapters.ts";
import { notices } from "../../live/index.ts";
import { call, callWithin, seen } from "../../wire/index.ts";
import { useActOn } from "../parts/act.ts";
import { useDialogs } from "../shell/dialogs.tsx";
import { nameRule, useFaults } from "../parts/faults.ts";
import { Form } from "../parts/form.tsx";
import { useSeen } from "../parts/seen.ts";
import { Part } from "../settings/part.tsx";
import { Pager, usePaged } from "./pages.tsx";

const queryKey = ["endpoints"];
/** A test generates for a minute at most, and asks before that. */
const testTimeoutMs = 120_000;
/** How they stand changes by itself, and no event says so. */
const lookAgainMs = 3_000;
/** Servers in the document at a time: a search may find many. */
const pageRows = 25;

/** Servers with models: which there are, a test of each, more of them, and what was found. */
export function Endpoints() {
  const queries = useQueryClient();
  const view = useQuery({ queryKey, queryFn: () => seen("endpoints.list"), refetchInterval: lookAgainMs }).data;
  const servers = usePaged(view?.endpoints ?? [], pageRows);
  const found = usePaged(view?.candidates ?? [], pageRows);
  if (view === undefined) return null;
  const changed = () => void queries.invalidateQueries({ queryKey });
  return (
    <>
      <Part
        title="Servers with models"
        about={
          "Models on other servers, for the whole cluster: Ollama, vLLM, llama-server, " +
          "OpenAI-compatible servers and others."
        }
      >
        <ul className="lines">
          {servers.shown.map((endpoint) => (
            <Row key={endpoint.name} endpoint={endpoint} />
          ))}
        </ul>
        <Pager trail={servers.trail} next={servers.next} waits={false} back="Previous servers" on="More servers" />
        {view.endpoints.length === 0 && <p className="dim">No server is used yet.</p>}
        <NewEndpoint />
      </Part>
      <Part
        title="Find servers"
        about="Looks for model servers at every address of a private network, slowly. Nothing is used until you add it."
      >
        <Search search={view.search} changed={changed} />
        <ul className="lines">
          {found.shown.map((candidate) => (
            <Candidate key={candidate.url} candidate={candidate} />
          ))}
        </ul>
        <Pager trail={found.trail} next={found.next} waits={false} back="Previous" on="Next" />
      </Part>
    </>
  );
}

const states: Readonly<Record<EndpointView["state"], string>> = {
  asking: "is being tried",
  ready: "ready",
  failing: "refuses the requests of this node",
  away: "away: its models are not offered",
  unasked: "one model, set in the configuration",
  elsewhere: "used by other nodes",
};

const kindOf = (server: ServerKind | undefined, adapter: string): string =>
  server === undefined ? adapter : [server.kind, server.version].filter(Boolean).join(" ");

function Row({ endpoint }: { readonly endpoint: EndpointView }) {
  const { ask } = useDialogs();
  const act = useActOn(queryKey);
  const [testing, setTesting] = useState(false);
  const [report, setReport] = useState<EndpointReport>();
  const { name, adapter, url, server, state, models, from } = endpoint;
  const test = async () => {
    setTesting(true);
    const tested = await act(() => callWithin(testTimeoutMs)("endpoints.test", { name }));
    setTesting(false);
    if (tested !== undefined) setReport(tested);
  };
  const remove = async () => {
    const question = {
      title: `Stop using “${name}”?`,
      body: (
        <p>People and agents that use its models get no more answers from them. The server itself is not changed.</p>
      ),
      action: "Remove",
      grave: true,
    };
    if (!(await ask(question))) return;
    await act(() => call("endpoints.remove", { name }));
  };
  const isWrong = state === "failing" || state === "away";
  return (
    <li className="model-row">
      <div className="row">
        <span className="grow">
          <span className="ellipsis line-title">
            {name} <span className={isWrong ? "pull-error" : "dim"}>{states[state]}</span>
          </span>
          <span className="dim break">
            {kindOf(server, adapter)} · {url} · {models.length} {models.length === 1 ? "model" : "models"}
          </span>
        </span>
        <Button variant="default" size="xs" loading={testing} aria-label={`Test ${name}`} onClick={() => void test()}>
          Test
        </Button>
        {from === "cluster" && (
          <Button variant="default" size="xs" aria-label={`Remove ${name}`} onClick={() => void remove()}>
            Remove
          </Button>
        )}
      </div>
      <div role="status">{report !== undefined && <Report report={report} />}</div>
    </li>
  );
}

const signs = { fine: "fine", failed: "failed", skipped: "not tried" } as const;

function Report({ report: { steps } }: { readonly report: EndpointReport }) {
  return (
    <dl className="card">
      {steps.map(({ step, state, says }) => (
        <div key={step}>
          <dt>
            {step}: <span className={state === "failed" ? "pull-error" : ""}>{signs[state]}</span>
          </dt>
          <dd>{says}</dd>
        </div>
      ))}
    </dl>
  );
}

const variableRule = "The name of an environment variable of the node: letters, digits and _.";

/** It adds: a server that is there already is shown before another one takes its place. */
const isThere = (name: string, now: SetEndpoint | null | undefined): string =>
  `There is a server called ${name} already${now?.url === undefined ? "" : `, at ${now.url}`}.`;

const serverRules = {
  name: nameRule,
  url: "An address that begins with http:// or https://, without a password in it.",
  key: variableRule,
  env: variableRule,
};

function NewEndpoint() {
  const act = useActOn(queryKey);
  const [name, setName] = useState("");
  const [adapter, setAdapter] = useState<RemoteAdapter>("ollama");
  const [url, setUrl] = useState("");
  const [variable, setVariable] = useState("");
  const faults = useFaults(serverRules);
  const rests = useSeen<SetEndpoint | null>(faults, () => null, isThere);
  const add = async () => {
    const server = {
      name: name.trim(),
      adapter,
      url: url.trim(),
      ...(variable.trim() !== "" && { key: { env: variable.trim() } }),
      seen: rests.of(name.trim()),
    };
    if ((await act(() => call("endpoints.set", server), rests.take(server.name))) === undefined) return;
    rests.end();
    setName("");
    setUrl("");
    setVariable("");
  };
  return (
    <Form id="endpoint" faults={faults} className="row field-row" label="Add a server" onSubmit={add}>
      <TextInput
        label="Name of the server"
        error={faults.of("name")}
        value={name}
        maxLength={40}
        onChange={(event) => setName(event.currentTarget.value)}
        required
      />
      <NativeSelect
        label="Interface"
        data={Object.entries(remoteAdapterRows).map(([value, { title }]) => ({ value, label: title }))}
        value={adapter}
        onChange={(event) => setAdapter(event.currentTarget.value as RemoteAdapter)}
      />
      <TextInput
        className="grow"
        label="Address"
        placeholder="http://10.0.0.5:11434"
        error={faults.of("url")}
        value={url}
        maxLength={2_000}
        onChange={(event) => setUrl(event.currentTarget.value)}
        required
      />
      <TextInput
        label="Environment variable with its key"
        placeholder="OPENAI_API_KEY"
        error={faults.of("key") ?? faults.of("env")}
        value={variable}
        maxLength={100}
        onChange={(event) => setVariable(event.currentTarget.value)}
      />
      <Button type="submit" disabled={name.trim() === "" || url.trim() === ""}>
        Add
      </Button>
    </Form>
  );
}

function Search({ search, changed }: { readonly search: EndpointSearch | undefined; readonly changed: () => void }) {
  const [range, setRange] = useState("");
  const isRunning = search?.state === "running";
  const faults = useFaults({
    range: "A range of addresses, such as 192.168.1.0/24, with at most 1,024 addresses.",
  });
  const begin = async () => {
    const result = await call("endpoints.search", range.trim() === "" ? {} : { range: range.trim() });
    if (!result.ok) faults.take(result.error);
    changed();
  };
  const cancel = async () => {
    const result = await call("endpoints.endSearch", { id: search?.id ?? "" });
    if (!result.ok) notices.fail(result.error);
    changed();
  };
  return (
    <>
      <Form id="endpoint-search" faults={faults} className="row field-row" onSubmit={begin}>
        <TextInput
          className="grow"
          label="Range"
          description="Empty: the ways set in the configuration (mDNS, DNS, Consul)"
          placeholder="192.168.1.0/24"
          error={faults.of("range")}
          value={range}
          maxLength={64}
          onChange={(event) => setRange(event.currentTarget.value)}
        />
        {isRunning ? (
          <Button variant="default" onClick={() => void cancel()}>
            Cancel the search
          </Button>
        ) : (
          <Button type="submit">Find</Button>
        )}
      </Form>
      <p className="dim" role="status">
        {search !== undefined &&
          `${isRunning ? "Asking" : "Asked"} ${search.asked} of ${search.total}, ${search.found} found. ` +
            `${search.problems.join(". ")}`}
      </p>
    </>
  );
}

function Candidate({ candidate }: { readonly candidate: EndpointCandidate }) {
  const { ask } = useDialogs();
  const act = useActOn(queryKey);
  const { name, adapter, url, server, models, needsKey, by } = candidate;
  const add = async () => {
    const question = {
      title: `Use the models of “${name}”?`,
      body: <p>Prompts for its models then go to {url}, from every node with the role ai.</p>,
      action: "Add",
    };
    if (!(await ask(question))) return;
    await act(() => call("endpoints.set", { name, adapter, url, seen: null }));
  };
  const what = needsKey ? "wants a key: add it above, with the variable" : models.slice(0, 5).join(", ");
  return (
    <li>
      <span className="grow">
        <span className="ellipsis line-title">{name}</span>
        <span className="dim break">
          {[kindOf(server, adapter), url, `by ${by}`, what].filter((part) => part !== "").join(" · ")}
        </span>
      </span>
      {!needsKey && (
        <Button variant="default" size="xs" aria-label={`Add ${name}`} onClick={() => void add()}>
          Add
        </Button>
      )}
    </li>
  );
}
