import type { ServerResponse } from "node:http";
import type { FastifyInstance, FastifyRequest } from "fastify";
import type { Static } from "typebox";
import {
  actorId,
  failure,
  isKey,
  PlexusError,
  refused,
  type AgentView,
  type GenerationAnswer,
  type GenerationRequest,
  type Result,
  type UserView,
} from "../../protocols/index.ts";
import type { Caller } from "./accounts.ts";
import { callerOf } from "./http.ts";
import { chatRequest, createAnswer, openAiError, readChat } from "./openai-shapes.ts";
import type { GatewayContext } from "./options.ts";
import { demand } from "./refusals.ts";
import { randomId } from "./tokens.ts";

const agentPrefix = "agent:";

/** Adds the part of OpenAI's interface that its clients need to chat: models, and completions, streamed or whole. */
export function addOpenAiRoutes(app: FastifyInstance, at: GatewayContext): void {
  const { kernel, limits } = at;
  const { generate: engine } = at.engines;
  const running = new Map<string, number>();
  const tags = ["openai"];
  const startedAtSeconds = Math.floor(at.clock.nowMs() / 1000);
  const ask = async (caller: Caller, to: `${string}/${string}`) =>
    demand(await kernel.ask({ to, from: caller.actor, message: { type: "describe" }, timeoutMs: limits.askTimeoutMs }));

  async function models(caller: Caller): Promise<readonly object[]> {
    const { agents } = (await ask(caller, caller.actor)) as UserView;
    const row = (id: string, owner: string) => ({ id, object: "model", created: startedAtSeconds, owned_by: owner });
    return [
      ...engine.models().flatMap(({ model, state }) => (state === "failed" ? [] : [row(model, "plexus")])),
      ...agents.map((agent) => row(`${agentPrefix}${agent.replace(/^agent\//, "")}`, caller.user)),
    ];
  }

  app.get(
    "/v1/models",
    { config: { access: "user" }, schema: { summary: "Models, and the caller's agents as agent:OWNER.NAME", tags } },
    async (request) => ({ object: "list", data: await models(callerOf(request)) }),
  );

  // A wildcard, because names of models may hold slashes.
  app.get<{ Params: { "*": string } }>(
    "/v1/models/*",
    { config: { access: "user" }, schema: { summary: "One model", tags } },
    async (request) => {
      const name = request.params["*"];
      const found = (await models(callerOf(request))).find((model) => "id" in model && model.id === name);
      if (found === undefined) throw new PlexusError(failure("MODEL_NOT_FOUND", { model: name.slice(0, 200) }));
      return found;
    },
  );

  /** The generation a body asks for. An agent lends its persona, model and settings; its conversation is not touched. */
  async function toGeneration(caller: Caller, body: Static<typeof chatRequest>): Promise<GenerationRequest> {
    const chat = demand(readChat(body));
    const base = {
      id: `v1-${randomId(at.random)}`,
      stop: chat.stop,
      timeoutMs: limits.completionTimeoutMs,
      // Whoever asks takes the turn, also with somebody else's agent.
      person: caller.actor,
      key: `${caller.kind}/${caller.session}`,
    };
    if (!body.model.startsWith(agentPrefix))
      return { ...base, model: body.model, messages: chat.messages, sampling: chat.sampling };
    const key = body.model.slice(agentPrefix.length);
    if (!isKey(key)) throw new PlexusError(failure("MODEL_NOT_FOUND", { model: body.model }));
    const agent = (await ask(caller, actorId("agent", key))) as AgentView;
    const persona = agent.persona === "" ? [] : [{ role: "system" as const, content: agent.persona }];
    return {
      ...base,
      model: agent.model,
      messages: [...persona, ...chat.messages],
      sampling: { ...agent.sampling, ...chat.sampling },
    };
  }

  app.post<{ Body: Static<typeof chatRequest> }>(
    "/v1/chat/completions",
    {
      bodyLimit: limits.completionBytesMax,
      config: { access: "user", bytesMax: limits.completionBytesMax },
      schema: { summary: "Writes the next message of a conversation", tags, body: chatRequest },
    },
    async (request, reply) => {
      const caller = callerOf(request);
      if (request.body.messages.length > limits.completionMessagesMax)
        throw new PlexusError(failure("TOO_LARGE", { limit: "completionMessagesMax", max: limits.completionMessagesMax }));
      const generation = await toGeneration(caller, request.body);
      // Its agent may have been away for a while: nothing is written for who has gone meanwhile.
      if (request.raw.socket.destroyed) throw new PlexusError(failure("BAD_REQUEST", { reason: "the client is gone" }));
      const count = running.get(caller.user) ?? 0;
      if (count >= limits.completionsPerUserMax)
        throw new PlexusError(failure("RATE_LIMITED", { limit: "completionsPerUserMax", retryAfterMs: 1_000 }));
      running.set(caller.user, count + 1);
      try {
        if (request.body.stream !== true) return await complete(request, generation);
        return await stream(request, generation, () => {
          reply.hijack();
          // Helmet's headers, which a hijacked answer would lose.
          for (const [name, value] of Object.entries(reply.getHeaders()))
            if (value !== undefined) reply.raw.setHeader(name, value);
          return reply.raw;
        });
      } finally {
        const left = (running.get(caller.user) ?? 1) - 1;
        if (left === 0) running.delete(caller.user);
        else running.set(caller.user, left);
      }
    },
  ); // prettier-ignore

  const answerTo = (request: FastifyRequest, generation: GenerationRequest) => {
    const body = request.body as Static<typeof chatRequest>;
    return createAnswer({
      id: `chatcmpl-${generation.id}`,
      model: body.model,
      createdAtSeconds: Math.floor(at.clock.nowMs() / 1000),
      withUsage: body.stream_options?.include_usage === true,
    });
  };

  /** Runs a generation: texts, then the end. What another node says as its text counts, too, and may be more than any answer. */
  function generate(
    generation: GenerationRequest,
    onText: (text: string) => void,
    onEnd: (result: Result<GenerationAnswer>) => void,
  ): { cancel(): void } {
    const max = limits.completionTextBytesMax;
    let bytes = 0;
    const run = engine.call(generation, (said) => {
      if (bytes > max) return;
      if (said.type === "answered") return onEnd(said.result);
      bytes += Buffer.byteLength(said.part.text);
      if (bytes <= max) return onText(said.part.text);
      run.cancel();
      onEnd(refused(failure("TOO_LARGE", { limit: "completionTextBytesMax", max })));
    });
    return run;
  }

  function complete(request: FastifyRequest, generation: GenerationRequest): Promise<object> {
    const answer = answerTo(request, generation);
    return new Promise((resolve, reject) => {
      let text = "";
      const run = generate(
        generation,
        (more) => void (text += more),
        (result) => {
          request.raw.socket.off("close", cancel);
          if (result.ok) resolve(answer.whole(text, result.value));
          else reject(new PlexusError(result.error));
        },
      );
      // Who asked is gone: nobody reads what would be written.
      const cancel = () => run.cancel();
      request.raw.socket.once("close", cancel);
    });
  }

  /** Answers as server-sent events. The status line waits for the first part, because a refusal needs its own. */
  function stream(request: FastifyRequest, generation: GenerationRequest, begin: () => ServerResponse): Promise<void> {
    const answer = answerTo(request, generation);
    return new Promise((resolve, reject) => {
      let out: ServerResponse | undefined;
      const say = (data: object) => void out?.write(`data: ${JSON.stringify(data)}\n\n`);
      const open = () => {
        if (out !== undefined) return;
        out = begin();
        out.on("error", () => undefined);
        // A proxy that buffers would turn the stream into one late answer.
        out.writeHead(200, {
          "content-type": "text/event-stream; charset=utf-8",
          "cache-control": "no-cache",
          "x-accel-buffering": "no",
        });
        say(answer.first());
      };
      const onText = (text: string) => {
        open();
        if (text !== "") say(answer.piece(text));
      };
      const onEnd = (result: Result<GenerationAnswer>) => {
        request.raw.socket.off("close", cancel);
        if (result.ok) {
          open();
          for (const chunk of answer.last(result.value)) say(chunk);
          out?.write("data: [DONE]\n\n");
        } else {
          if (out === undefined) return reject(new PlexusError(result.error));
          say(openAiError(result.error));
        }
        out?.end();
        resolve();
      };
      const run = generate(generation, onText, onEnd);
      const cancel = () => run.cancel();
      request.raw.socket.once("close", cancel);
    });
  }
}
