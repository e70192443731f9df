import type { FastifyInstance } from "fastify";
import {
  actorId,
  cleaned,
  cut,
  failure,
  failureOf,
  PlexusError,
  schema,
  storedPlaces,
  wireLimits,
  type EnginePart,
  type HeardSound,
  type UploadedPicture,
  type UploadedSound,
} from "../../../protocols/index.ts";
import type { ActorBlobs } from "../../ports/index.ts";
import { createCalls, whileAsked, type Asking, type Calls } from "../ai/calls.ts";
import { Interest } from "../ai/interest.ts";
import { callerOf } from "../edge/http.ts";
import type { GatewayContext } from "../options.ts";
import { addKept, pictureTypes, pictureUpload, readPicture, takePictures } from "./picture-bodies.ts";
import { demand } from "../edge/refusals.ts";
import { withinStorage } from "../quotas.ts";
import { soundIn } from "./sound.ts";

const { pictureBytesMax, pictureSideMax, soundBytesMax, soundMsMax, soundTextCharsMax } = wireLimits;
const soundTypes = ["audio/wav"];

type Uploaded = UploadedPicture | UploadedSound;

/** A sort of what may be uploaded for a message to an agent. */
interface Sort {
  /** What it is called in paths, and the command that asks for one. */
  readonly name: "picture" | "sound";
  readonly attach: "attach" | "attachSound";
  readonly types: readonly string[];
  readonly bytesMax: number;
  readonly summary: string;
  take(scope: FastifyInstance): void;
  /** What it is. Throws PlexusErrors. */
  read(body: unknown): object;
  /** What its upload is answered with. */
  answer(known: Uploaded, bytes: Buffer, asking: Asking): Promise<object> | object;
}

const takeSounds = (scope: FastifyInstance): void => {
  scope.addContentTypeParser(soundTypes, { parseAs: "buffer" }, (_request, body, done) => done(null, body));
};

function readSound(body: unknown): Omit<UploadedSound, "hash"> {
  const sound = Buffer.isBuffer(body) ? soundIn(body) : undefined;
  if (sound === undefined || sound.ms === 0)
    throw new PlexusError(
      failure("BAD_REQUEST", {
        path: "",
        problem: "not a whole WAV file of 16 bits, one or two channels, and 8,000 to 48,000 samples a second",
      }),
    );
  if (sound.ms > soundMsMax) throw new PlexusError(failure("TOO_LARGE", { ms: sound.ms, soundMsMax }));
  return { size: (body as Buffer).length, format: "wav", ms: sound.ms };
}

/** What is said in a sound, as a model of the cluster hears it; or why none did. The upload stands either way. */
async function hear(
  at: GatewayContext,
  calls: Calls,
  asking: Asking,
  bytes: Buffer,
): Promise<Pick<HeardSound, "text" | "language" | "unheard">> {
  const interest = new Interest(asking.interest);
  let isLate = false;
  const cancelTimer = at.clock.after(at.limits.soundHeardMs, () => {
    isLate = true;
    interest.lose();
  });
  const parts: EnginePart<"transcribe">[] = [];
  try {
    const audio = { type: "audio", mediaType: "audio/wav", bytes } as const;
    const { language } = await calls.run({ ...asking, interest }, "transcribe", { model: "", audio }, (part) =>
      parts.push(part),
    );
    const text = parts
      .map((part) => part.text.trim())
      .filter((one) => one !== "")
      .join(" ");
    return {
      text: cut(cleaned(text.replaceAll(/\s+/g, " "), "line"), soundTextCharsMax),
      ...(language !== undefined && { language }),
    };
  } catch (thrown) {
    const { code } = failureOf(thrown);
    return { text: "", unheard: isLate ? "GENERATION_TIMEOUT" : code };
  } finally {
    cancelTimer();
  }
}

/** Adds the routes for pictures and sounds in conversations with agents: their bytes are blobs of the agent, and only
 *  its owner may have them. What is said in a sound is written down as it comes, so that every model can be told of
 *  it. */
export function addAgentUploadRoutes(app: FastifyInstance, at: GatewayContext, blobs: ActorBlobs): void {
  const calls = createCalls(at);
  const picture: Sort = {
    name: "picture",
    attach: "attach",
    types: pictureTypes,
    bytesMax: pictureBytesMax,
    summary: "Has a picture ready for a message to the agent: a PNG, JPEG or WebP that does not move",
    take: takePictures,
    read: (body) => readPicture(body, { pictureSideMax }),
    answer: (known) => known,
  };
  const sound: Sort = {
    name: "sound",
    attach: "attachSound",
    types: soundTypes,
    bytesMax: soundBytesMax,
    summary:
      "Has a sound ready for a message to the agent: a WAV file; answers with what is said in it, where a " +
      "model hears it",
    take: takeSounds,
    read: readSound,
    answer: async (known, bytes, asking) => ({ ...known, ...(await hear(at, calls, asking, bytes)) }),
  };
  for (const sort of [picture, sound]) addSort(app, at, blobs, sort);
}

function addSort(app: FastifyInstance, at: GatewayContext, blobs: ActorBlobs, sort: Sort): void {
  const { kernel, limits } = at;
  const { name, types, bytesMax } = sort;
  const upload = pictureUpload(at, { name, rate: limits.pictureRate, bytesMax, permission: "agent.use" });
  const tags = ["agent"];
  const ask = async (request: Parameters<typeof callerOf>[0], agent: string, message: { readonly type: string }) =>
    demand(
      await kernel.ask({
        to: actorId("agent", agent),
        from: callerOf(request).actor,
        message,
        timeoutMs: limits.askTimeoutMs,
      }),
    );

  app.register(async (scope) => {
    sort.take(scope);
    scope.post<{ Params: { agent: string } }>(
      `/agents/:agent/${name}s`,
      {
        ...upload,
        schema: { summary: sort.summary, tags, params: schema.object({ agent: schema.key }), consumes: types },
      },
      (request, reply) =>
        whileAsked(request, reply, async (asking) => {
          const { agent } = request.params;
          // Only its owner is told what it is.
          await ask(request, agent, { type: "describe" });
          const facts = sort.read(request.body);
          const bytes = request.body as Buffer;
          const to = actorId("agent", agent);
          const attach = (hash: string) => () =>
            kernel.ask({
              to,
              from: "gateway",
              message: { ...facts, type: sort.attach, hash },
              timeoutMs: limits.askTimeoutMs,
            });
          const commit = (hash: string) => {
            const id = `${storedPlaces.agents}${agent}/${hash}`;
            return withinStorage(at, callerOf(request), { id, room: agent, bytes: bytes.length }, attach(hash));
          };
          return sort.answer(demand(await blobs.put(to, bytes, commit)) as Uploaded, bytes, asking);
        }),
    );
  });

  addKept<{ params: { agent: string; hash: string } }>(
    app,
    `/agents/:agent/${name}s/:hash`,
    {
      permission: "agent.use",
      summary: `A ${name} of the conversation with an own agent, as long as it is kept`,
      tags,
      params: schema.object({ agent: schema.key, hash: schema.blobHash }),
      produces: types,
    },
    {
      at,
      blobs,
      async find(request) {
        const { agent, hash } = request.params;
        const message = { type: name, hash } as { readonly type: string };
        const { format, size } = (await ask(request, agent, message)) as Uploaded;
        const mediaType = `${name === "picture" ? "image" : "audio"}/${format}`;
        return { of: actorId("agent", agent), hash, size, mediaType, name: `${name}.${format}` };
      },
    },
  );
}
