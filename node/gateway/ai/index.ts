/** The interfaces that others' clients speak, at every node: OpenAI's, Ollama's and Anthropic's.
 *
 *      client ─► a surface (chat.ts, responses.ts, ollama.ts, anthropic.ts …): its wire ─► an engine's request
 *                   └─► calls.ts: a place of its person, the engine, the end; cancelled when the client is gone
 *                          └─► parts ─► the surface's wire again, whole or streamed (outgoing.ts)
 *
 *  A surface is a file: it reads its own wire, refuses by name what would change the answer and cannot be followed, and
 *  writes its own wire. What all of them need is beside it: names (models.ts), bytes in JSON (media.ts), what a
 *  conversation asks for (conversation.ts), a watched route (surface.ts), the shape of a refusal by path (errors.ts),
 *  browsers of other origins (origins.ts). A further interface is one more file and its line here. */
import type { FastifyInstance } from "fastify";
import type { GatewayContext } from "../options.ts";
import { addAnthropic } from "./anthropic.ts";
import { addAudio } from "./audio.ts";
import { createCalls } from "./calls.ts";
import { addChat } from "./chat.ts";
import { addClassification } from "./classification.ts";
import { addCompletions } from "./completions.ts";
import { addEmbeddings } from "./embeddings.ts";
import { addImages } from "./images.ts";
import { createModels } from "./models.ts";
import { addOllama } from "./ollama.ts";
import { addResponses, type Responses } from "./responses.ts";
export type { Responses } from "./responses.ts";
import type { Surface } from "./surface.ts";

/** Adds all of them. */
export function addAiRoutes(app: FastifyInstance, at: GatewayContext): Responses {
  const surface: Surface = { app, at, calls: createCalls(at), models: createModels(at) };
  for (const add of [
    addChat,
    addCompletions,
    addEmbeddings,
    addClassification,
    addAudio,
    addImages,
    addAnthropic,
    addOllama,
  ])
    add(surface);
  return addResponses(surface);
}
