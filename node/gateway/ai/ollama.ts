/** Ollama: lists, generate, chat and embeddings. Streams are lines of JSON, and are the default. */
import { Type, type Static, type TSchema } from "typebox";
import {
  failure,
  floatsOf,
  PlexusError,
  stringifyWritten,
  writtenAt,
  type ChatMessage,
  type EngineAnswer,
  type Format,
  type GenerationPart,
  type Media,
  type ModelInfo,
  type PullView,
  type Thinking,
  type TokenLogprob,
  type ToolCall,
  type WrittenTexts,
} from "../../../protocols/index.ts";
import { sourceOfName } from "../../../runtimes/store/names.ts";
import { audited } from "../audited.ts";
import { callerOf } from "../edge/http.ts";
import { demand } from "../edge/refusals.ts";
import {
  add,
  type Added,
  begunIn,
  checkTools,
  functionSchema,
  isAbsent,
  isFields,
  maybe,
  mediaFor,
  nothingWritten,
  writtenArguments,
  placesOf,
  readCall,
  readSampling,
  readStops,
  readText,
  readTool,
  warningsOf,
  type Wanted,
  type Written,
} from "./conversation.ts";
import { bytesOf, nameOf } from "./chat.ts";
import { checkDimensions, readInputs } from "./embeddings.ts";
import { ollamaError } from "./errors.ts";
import type { FieldsPath } from "./fields/index.ts";
import { imageType, type MediaReader, refuse } from "./media.ts";
import type { Listed } from "./models.ts";
import { streamed, streams } from "./outgoing.ts";
import {
  addPlain,
  addPost,
  asWritten,
  checkMessages,
  checkTexts,
  generator,
  type Posted,
  type Surface,
} from "./surface.ts";

/** The version of the interface that is followed: clients look at it to learn what a server can do. */
const interfaceVersion = "0.12.6";

const options = maybe(
  Type.Object({
    temperature: maybe(Type.Number()),
    top_p: maybe(Type.Number()),
    top_k: maybe(Type.Integer()),
    min_p: maybe(Type.Number()),
    seed: maybe(Type.Integer()),
    num_predict: maybe(Type.Integer()),
    stop: maybe(Type.Union([Type.String(), Type.Array(Type.String())])),
  }),
);
const common = {
  model: Type.String({ maxLength: 200 }),
  stream: maybe(Type.Boolean()),
  format: maybe(Type.Unknown()),
  think: maybe(Type.Unknown()),
  keep_alive: maybe(Type.Union([Type.String({ maxLength: 32 }), Type.Number()])),
  logprobs: maybe(Type.Boolean()),
  top_logprobs: maybe(Type.Integer({ minimum: 0, maximum: 20 })),
  options,
};
const images = maybe(Type.Array(Type.String()));
const generateRequest = Type.Object({
  ...common,
  prompt: maybe(Type.String()),
  system: maybe(Type.String()),
  images,
});
const chatRequest = Type.Object({
  ...common,
  messages: maybe(
    Type.Array(
      Type.Object({
        role: Type.String({ maxLength: 32 }),
        content: maybe(Type.String()),
        images,
        tool_calls: maybe(
          Type.Array(
            Type.Object({
              id: maybe(Type.String()),
              function: Type.Object({ name: Type.String(), arguments: Type.Optional(Type.Unknown()) }),
            }),
            { maxItems: 256 },
          ),
        ),
        tool_name: maybe(Type.String()),
        tool_call_id: maybe(Type.String()),
      }),
    ),
  ),
  tools: maybe(Type.Array(Type.Object({ type: maybe(Type.String()), function: functionSchema }))),
});
const embedRequest = Type.Object({
  model: Type.String({ maxLength: 200 }),
  input: Type.Union([Type.String(), Type.Array(Type.Unknown(), { minItems: 1 })]),
  dimensions: maybe(Type.Integer({ minimum: 1 })),
  truncate: maybe(Type.Boolean()),
  keep_alive: common.keep_alive,
});
const embeddingsRequest = Type.Object({
  model: Type.String({ maxLength: 200 }),
  prompt: Type.String(),
  keep_alive: common.keep_alive,
});
const named = Type.Object({
  model: maybe(Type.String({ maxLength: 200 })),
  name: maybe(Type.String({ maxLength: 200 })),
  stream: maybe(Type.Boolean()),
});
/** Its licence is accepted as it is with `plexus models pull`. */
const acceptHeader = "x-plexus-accept-licence";
const pullRequest = Type.Object({
  ...named.properties,
  insecure: maybe(Type.Boolean()),
  accept_licence: maybe(Type.Boolean()),
});
type About<S extends TSchema> = Omit<Parameters<typeof addPost<S>>[2], "tag">;

type Common = Pick<
  Static<typeof generateRequest>,
  "format" | "think" | "logprobs" | "top_logprobs" | "options" | "keep_alive"
>;

const unitsMs: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/** What all requests for text say of how they are answered. */
type Writes = { readonly model: string } & Pick<Static<typeof generateRequest>, "stream" | "think">;

/** How long the model stays in memory: seconds, or a duration like `1h30m`; negative: until its room is needed. */
function readKeepAlive(given: string | number | null | undefined): { readonly keepAliveMs?: number } {
  if (isAbsent(given)) return {};
  const [, sign = "", text = ""] = /^(-?)(.*)$/.exec(String(given)) ?? [];
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|$)/g)];
  if (parts.length === 0 || parts.map(([whole]) => whole).join("") !== text)
    return refuse("/keep_alive", "must be seconds or a duration like 5m");
  const ms = parts.reduce((sum, [, count, unit = ""]) => sum + Number(count) * (unitsMs[unit] ?? 1_000), 0);
  return { keepAliveMs: sign === "" ? Math.round(ms) : -1 };
}

/** What all requests for text share. Options that Plexus has not are passed over, as Ollama does with those that a
 *  model has not: its clients send all of them always. */
function readCommon(
  body: Common,
): Pick<Wanted, "thinking" | "sampling" | "stop" | "format" | "logprobs" | "keepAliveMs"> {
  const { temperature, top_p: topP, top_k: topK, min_p: minP, seed, num_predict: most, stop } = body.options ?? {};
  const within = (value: number | null | undefined, max: number) =>
    isAbsent(value) ? undefined : Math.min(max, Math.max(0, value));
  const format = readFormat(body.format);
  return {
    sampling: readSampling({
      temperature: within(temperature, 2),
      topP: within(topP, 1),
      topK: within(topK, 2 ** 31 - 1),
      minP: within(minP, 1),
      seed,
      // -1: as long as it likes.
      maxTokens: isAbsent(most) || most < 1 ? undefined : most,
    }),
    stop: demand(readStops("/options/stop", stop)),
    ...(format && { format }),
    ...(body.logprobs === true && { logprobs: body.top_logprobs ?? 0 }),
    ...(!isAbsent(body.think) && { thinking: readThink(body.think) }),
    ...readKeepAlive(body.keep_alive),
  };
}

function readFormat(format: unknown): Format | undefined {
  if (isAbsent(format) || format === "") return undefined;
  if (format === "json") return { type: "json" };
  return isFields(format) ? { type: "schema", schema: format } : refuse("/format", "must be json or a schema");
}

const readThink = (think: unknown): Thinking =>
  typeof think === "boolean" || think === "low" || think === "medium" || think === "high"
    ? think
    : refuse("/think", "must be true, false, low, medium or high");

const readImages = (path: string, given: readonly string[] | null | undefined, reader: MediaReader): readonly Media[] =>
  (given ?? []).map((data, index) => demand(reader.base64(`${path}/${index}`, { mediaType: imageType(data), data })));

/** Calls have no ids on this wire: an answer belongs to the first open call of its tool, or to the first open one. */
function readMessages(
  given: NonNullable<Static<typeof chatRequest>["messages"]>,
  reader: MediaReader,
  written: WrittenTexts | null,
): readonly ChatMessage[] {
  let made = 0;
  /** Calls without an answer, with the ids that their sender has for them. */
  const open: { readonly id: string; readonly name: string; readonly given: string | undefined }[] = [];
  return given.map((message, index): ChatMessage => {
    const path = `/messages/${index}`;
    const content = demand(readText(`${path}/content`, message.content ?? ""));
    switch (message.role) {
      case "system":
        return { role: "system", content };
      case "user": {
        const media = readImages(`${path}/images`, message.images, reader);
        return { role: "user", content, ...(media.length > 0 && { media }) };
      }
      case "assistant": {
        const calls = (message.tool_calls ?? []).map((call, place): ToolCall => {
          const { name, arguments: input } = call.function;
          const where = ["messages", String(index), "tool_calls", String(place), "function", "arguments"];
          const text =
            typeof input === "string"
              ? input
              : isAbsent(input)
                ? "{}"
                : (writtenAt(written, where) ?? JSON.stringify(input));
          const id = `call_${(made += 1)}`;
          open.push({ id, name, given: call.id ?? undefined });
          // A text of JSON has bounds of its own.
          return demand(readCall(`${path}/tool_calls/${place}`, { id, name: name.slice(0, 128), arguments: text }));
        });
        return { role: "assistant", content, ...(calls.length > 0 && { calls }) };
      }
      case "tool": {
        const { tool_call_id: wanted, tool_name: named } = message;
        // By its id, else by its name, else in order.
        const byId = isAbsent(wanted) ? -1 : open.findIndex(({ given }) => given === wanted);
        const at = byId < 0 ? open.findIndex(({ name }) => name === named) : byId;
        const [call] = open.splice(Math.max(0, at), 1);
        if (call === undefined) return refuse(`${path}/role`, "answers no call of a tool");
        return { role: "tool", content, callId: call.id };
      }
      default:
        return refuse(`${path}/role`, "must be system, user, assistant or tool");
    }
  });
}

const logprobsOf = (told: readonly TokenLogprob[] | undefined) =>
  told === undefined || told.length === 0
    ? {}
    : {
        logprobs: told.map(({ logprob, top = [], ...named }) => ({
          token: nameOf(named),
          logprob,
          bytes: bytesOf(named),
          ...(top.length > 0 && {
            top_logprobs: top.map((one) => ({ token: nameOf(one), logprob: one.logprob, bytes: bytesOf(one) })),
          }),
        })),
      };

const callOf = ({ name, arguments: text }: ToolCall) => ({ function: { name, arguments: writtenArguments(text) } });

/** As JSON in one line: a line break of what was written there can only be between its values. */
const lineOf = (data: object): string => stringifyWritten(data).replaceAll(/[\r\n]/g, " ");

const never = new Date(Date.UTC(2100, 0)).toISOString();

/** What is known of a model, in Ollama's words. */
const detailsOf = (info: ModelInfo | undefined) => ({
  parent_model: "",
  format: info === undefined ? "" : info.runtime === "llama" ? "gguf" : info.runtime,
  family: info?.runtime ?? "agent",
  families: [info?.runtime ?? "agent"],
  parameter_size: "",
  quantization_level: "",
});
const words: Readonly<Record<string, string>> = {
  chat: "completion",
  tools: "tools",
  vision: "vision",
  embed: "embedding",
  hearing: "audio",
};

/** Without encryption only where that is asked for, and only what can be asked so. */
function checkProtocol(source: string, insecure: boolean): void {
  if (source.startsWith("ollama:http://") && !insecure)
    refuse("/model", "insecure protocol http: it takes the field insecure");
  if (insecure && !/^(?:ollama:)?http:\/\//.test(source))
    refuse("/insecure", "only a name with http:// is asked for without encryption");
}

/** Adds it. */
export function addOllama(surface: Surface): void {
  const { at, calls, models } = surface;
  const tag = "ollama";
  const since = new Date(models.sinceMs).toISOString();
  const rowOf = ({ name, info }: Listed) => ({
    name,
    model: name,
    modified_at: since,
    size: info?.sizeBytes ?? 0,
    digest: "",
    details: detailsOf(info),
  });
  const version = { summary: "The version of Ollama's interface that is followed", tag, isOpen: true } as const;
  addPlain(surface, "GET /api/version", version, () => ({ version: interfaceVersion }));
  addPlain(surface, "GET /api/tags", { summary: "Models and agents", tag }, async (request) => ({
    models: (await models.list(callerOf(request))).map(rowOf),
  }));
  addPlain(surface, "GET /api/ps", { summary: "Models in memory", tag }, async (request) => ({
    models: (await models.list(callerOf(request)))
      .filter(({ info }) => info?.state === "ready")
      .map((one) => ({
        ...rowOf(one),
        expires_at: never,
        size_vram: (one.info?.device ?? "cpu") === "cpu" ? 0 : (one.info?.sizeBytes ?? 0),
        context_length: one.info?.contextTokens ?? 0,
      })),
  }));

  const nameIn = ({ model, name }: Static<typeof named>): string =>
    model ?? name ?? refuse("/model", "must be the name of a model");
  /** A route whose body names a model. */
  const post = <S extends TSchema>(
    path: FieldsPath,
    about: About<S>,
    serve: (posted: Posted<Static<S>>) => Promise<unknown>,
  ): void =>
    addPost(surface, path, { tag: "ollama", ...about }, async (posted) => {
      models.demandName(nameIn(posted.body as Static<typeof named>));
      return serve(posted);
    });
  post("/api/show", { summary: "One model", body: named }, async ({ body, asking }) => {
    const { info } = await models.find(asking.caller, nameIn(body));
    return {
      license: "",
      modelfile: "",
      parameters: "",
      template: "",
      details: detailsOf(info),
      model_info: { "general.architecture": "plexus", "plexus.context_length": info?.contextTokens ?? 0 },
      capabilities: (info?.capabilities ?? ["chat"]).flatMap((one) => words[one] ?? []),
      modified_at: since,
    };
  });

  const pulls = {
    summary: "Pulls a model to this node",
    body: pullRequest,
    audit: "pullModel",
  } as const;
  post("/api/pull", pulls, async (posted) => {
    const { body, asking, reply } = posted;
    const name = nameIn(body);
    checkProtocol(sourceOfName(name), body.insecure === true);
    const line = (data: object): string => `${JSON.stringify(data)}\n`;
    const isHere = await models.find(asking.caller, name).then(
      () => true,
      () => false,
    );
    const pull = isHere ? undefined : await begin(posted, name);
    if (body.stream === false) {
      // It has its place as soon as it has begun: what follows may take an hour.
      asking.placed?.();
      if (pull !== undefined) await followed(pull, () => undefined);
      return { status: "success" };
    }
    return streamed(
      { asking, reply, at },
      streams.lines,
      async (out, each) => {
        each.placed?.();
        if (pull !== undefined) await followed(pull, (progress) => out.write(line(progress)));
        out.write(line({ status: "success" }));
      },
      (reason) => line(ollamaError(reason)),
    );
  });

  /** In the body, or in a header, as the clients for JavaScript and Python send no other fields than their own. */
  const accepts = (body: Static<typeof pullRequest>, { headers }: Posted<unknown>["request"]): boolean =>
    body.accept_licence === true || headers[acceptHeader] === "true";

  /** Begins to pull, for an admin. It goes on when the client is gone. */
  function begin({ body, asking, request }: Posted<Static<typeof pullRequest>>, name: string): Promise<PullView> {
    const reason = at.rights.refusal(asking.caller, "cluster.administer", request.address);
    if (reason !== undefined) throw new PlexusError(reason);
    const store = at.models?.store;
    if (store === undefined) throw new PlexusError(failure("NOT_FOUND", { path: "/api/pull" }));
    const source = sourceOfName(name);
    const wanted = { source, ...(accepts(body, request) && { acceptLicence: true }) };
    const begun = audited(at, request, { source }, Promise.resolve(store.pull(wanted, asking.caller.user)));
    at.changed?.("pullModel", { source }, asking.caller.user);
    return begun;
  }

  /** Tells how a pull goes, to its end. */
  async function followed({ id }: PullView, tell: (progress: object) => void): Promise<void> {
    const store = at.models?.store;
    if (store === undefined) return;
    let told = "";
    const look = (): void => {
      const view = store.pulls().find((one) => one.id === id);
      if (view === undefined || view.state === "done") return;
      const { state, source, doneBytes: completed, totalBytes: total } = view;
      const progress = {
        status: `${state} ${source}`,
        ...(total !== undefined && { digest: source, total, completed }),
      };
      const text = JSON.stringify(progress);
      if (text !== told) tell(progress);
      told = text;
    };
    const stopWatching = store.watch(look);
    try {
      look();
      const { state, error } = demand(await store.ended(id));
      if (error?.code === "LICENCE_NOT_ACCEPTED")
        throw new PlexusError({
          ...error,
          message: `${error.message} Here: with the field "accept_licence": true, or the header ${acceptHeader}: true.`,
        });
      if (state !== "done") throw new PlexusError(error ?? failure("CANCELLED"));
    } finally {
      stopWatching();
    }
  }

  /** Runs a request for text. `say` makes the fields of one line. */
  async function write(
    { body, asking: asked, reply }: Posted<Writes>,
    wanted: Wanted,
    say: (written: Pick<Written, "text" | "thought"> & { readonly calls: readonly ToolCall[] }) => object,
  ): Promise<unknown> {
    const { clock } = at;
    const beganMs = clock.monotonicMs();
    let firstMs: number | undefined;
    const generate = await generator(surface, asked, body.model, wanted);
    const head = () => ({ model: body.model, created_at: new Date(clock.nowMs()).toISOString() });
    const shown = (part: Pick<GenerationPart, "text" | "thought" | "calls">) =>
      say({ text: part.text, thought: body.think === false ? "" : (part.thought ?? ""), calls: part.calls ?? [] });
    const nanos = (fromMs: number, toMs: number) => Math.max(1, Math.round((toMs - fromMs) * 1e6));
    const lastOf = (answer: EngineAnswer<"generate">) => {
      const nowMs = clock.monotonicMs();
      return {
        done: true,
        done_reason: answer.end === "length" ? "length" : "stop",
        total_duration: nanos(beganMs, nowMs),
        load_duration: 0,
        prompt_eval_count: answer.promptTokens,
        prompt_eval_duration: nanos(beganMs, firstMs ?? nowMs),
        eval_count: answer.completionTokens,
        eval_duration: nanos(firstMs ?? nowMs, nowMs),
        ...warningsOf(answer),
      };
    };
    const written = nothingWritten();
    const take = (part: GenerationPart): Added => {
      firstMs ??= clock.monotonicMs();
      return add(written, part, wanted);
    };
    if (body.stream === false) {
      const answer = await generate(asked, 0, (part) => void take(part));
      // Calls are whole on this wire.
      const calls = written.calls.filter(({ isWhole }) => isWhole);
      asWritten(reply);
      return { ...head(), ...shown({ ...written, calls }), ...logprobsOf(written.logprobs), ...lastOf(answer) };
    }
    return streamed(
      { asking: asked, reply, at },
      streams.lines,
      async (out, asking) => {
        const line = (data: object): void => out.write(`${lineOf({ ...head(), ...data })}\n`);
        const answer = await generate(asking, 0, (part) => {
          const one = take(part);
          if (one.text === "" && one.thought === undefined && (one.calls ?? []).length === 0) return;
          line({ ...shown(one), done: false, ...logprobsOf(one.logprobs) });
        });
        line({ ...shown({ text: "" }), ...lastOf(answer) });
      },
      (reason) => `${JSON.stringify(ollamaError(reason))}\n`,
    );
  }

  /** A request without a prompt loads the model: it is loaded already, or loads by itself. */
  const loaded = async ({ body, asking }: Posted<{ readonly model: string }>, fields: object) => {
    await models.find(asking.caller, body.model);
    const created = new Date(at.clock.nowMs()).toISOString();
    return { model: body.model, created_at: created, ...fields, done: true, done_reason: "load" };
  };

  const generate = { summary: "Writes what follows a prompt", body: generateRequest };
  post("/api/generate", generate, async (posted) => {
    const { body } = posted;
    const reader = mediaFor(at.limits);
    const media = readImages("/images", body.images, reader);
    checkTexts(posted, at, reader);
    if ((body.prompt ?? "") === "" && media.length === 0) return loaded(posted, { response: "" });
    const system = demand(readText("/system", body.system ?? ""));
    const content = demand(readText("/prompt", body.prompt ?? ""));
    const messages: readonly ChatMessage[] = [
      ...(system === "" ? [] : [{ role: "system" as const, content: system }]),
      { role: "user", content, ...(media.length > 0 && { media }) },
    ];
    return write(posted, { ...readCommon(body), messages, parallel: true }, ({ text, thought }) => ({
      response: text,
      ...(thought !== "" && { thinking: thought }),
    }));
  });

  const chat = {
    summary: "Writes the next message of a conversation",
    body: chatRequest,
    written: [["messages", "*", "tool_calls", "*", "function", "arguments"]],
  };
  post("/api/chat", chat, async (posted) => {
    const { body } = posted;
    const given = body.messages ?? [];
    checkMessages(given.length, at);
    const reader = mediaFor(at.limits);
    const messages = begunIn(readMessages(given, reader, posted.request.written));
    checkTexts(posted, at, reader);
    if (messages.length === 0) return loaded(posted, { message: { role: "assistant", content: "" } });
    const tools = (body.tools ?? []).map((tool, index) => demand(readTool(`/tools/${index}/function`, tool.function)));
    const offered = demand(checkTools(tools, undefined, { tools: "/tools", choice: "/tools" }, at.limits));
    const places = placesOf(tools, (place) => `/tools/${place}/function/parameters`, "/format");
    const wanted = { ...readCommon(body), ...offered, messages, places, parallel: true };
    return write(posted, wanted, ({ text, thought, calls: made }) => ({
      message: {
        role: "assistant",
        content: text,
        ...(thought !== "" && { thinking: thought }),
        ...(made.length > 0 && { tool_calls: made.map(callOf) }),
      },
    }));
  });

  const embed = { summary: "Vectors of texts", body: embedRequest };
  post("/api/embed", embed, async (posted) => {
    const { body, asking } = posted;
    checkTexts(posted, at);
    const beganMs = at.clock.monotonicMs();
    const inputs = readInputs("/input", body.input, at.limits.embeddingInputsMax);
    const { model } = await models.resolve(asking.caller, body.model);
    // As Ollama does unless it is told otherwise.
    const cut = body.truncate === false ? {} : { truncate: true as const };
    const asked = { model, inputs, ...cut, ...readKeepAlive(body.keep_alive) };
    const { vectors, promptTokens } = await calls.run(asking, "embed", asked);
    checkDimensions(body.dimensions, vectors[0]);
    return {
      model: body.model,
      embeddings: vectors.map((vector) => [...floatsOf(vector)]),
      total_duration: Math.max(1, Math.round((at.clock.monotonicMs() - beganMs) * 1e6)),
      load_duration: 0,
      prompt_eval_count: promptTokens,
    };
  });

  const embeddings = { summary: "The vector of a text", body: embeddingsRequest };
  post("/api/embeddings", embeddings, async (posted) => {
    const { body, asking } = posted;
    checkTexts(posted, at);
    const { model } = await models.resolve(asking.caller, body.model);
    const inputs = readInputs("/prompt", body.prompt, 1);
    const asked = { model, inputs, truncate: true as const, ...readKeepAlive(body.keep_alive) };
    const { vectors } = await calls.run(asking, "embed", asked);
    return { embedding: vectors.flatMap((vector) => [...floatsOf(vector)]) };
  });
}
