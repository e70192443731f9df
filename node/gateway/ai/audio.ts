/** OpenAI: speech from texts, and texts from speech. */
import type { FastifyReply } from "fastify";
import { Type } from "typebox";
import {
  failure,
  PlexusError,
  type EngineAnswer,
  type EnginePart,
  type EngineRequest,
} from "../../../protocols/index.ts";
import { demand } from "../edge/refusals.ts";
import { whileAsked, type Asking } from "./calls.ts";
import { maybe, readText, type Fields } from "./conversation.ts";
import { openAiError } from "./errors.ts";
import { refuse } from "./media.ts";
import { streamed, streams } from "./outgoing.ts";
import { answeredWhole } from "./whole.ts";
import { addPost, checkFields, checkTexts, type Surface } from "./surface.ts";

const speechRequest = Type.Object({
  model: Type.String({ maxLength: 200 }),
  input: Type.String(),
  voice: maybe(Type.String({ maxLength: 200 })),
  speed: maybe(Type.Number({ minimum: 0.25, maximum: 4 })),
  response_format: maybe(Type.String({ maxLength: 16 })),
  stream_format: maybe(Type.String({ maxLength: 16 })),
});

const formats: Readonly<Record<string, string>> = {
  mp3: "audio/mpeg",
  opus: "audio/ogg",
  aac: "audio/aac",
  flac: "audio/flac",
  wav: "audio/wav",
  pcm: "audio/pcm",
};

/** Types of sound by what file names end in. */
const soundTypes: Readonly<Record<string, string>> = {
  ...formats,
  m4a: "audio/mp4",
  mp4: "audio/mp4",
  mpga: "audio/mpeg",
  mpeg: "audio/mpeg",
  ogg: "audio/ogg",
  webm: "audio/webm",
};

/** `constructor` and the like are in every object. */
const ownOf = (table: Readonly<Record<string, string>>, name: string): string | undefined =>
  Object.hasOwn(table, name) ? table[name] : undefined;

type Spoken = readonly EnginePart<"transcribe">[];

const clockOf = (ms: number, point: string): string => {
  const pad = (value: number, width: number): string => String(Math.floor(value)).padStart(width, "0");
  return (
    `${pad(ms / 3_600_000, 2)}:${pad((ms / 60_000) % 60, 2)}:${pad((ms / 1_000) % 60, 2)}${point}` +
    `${pad(ms % 1_000, 3)}`
  );
};
const textOf = (spoken: Spoken): string =>
  spoken
    .map(({ text }) => text)
    .join("")
    .trim();

/** How a transcript is told. */
type TranscriptForm =
  | {
      readonly type: "json";
      readonly tell: (spoken: Spoken, answer: EngineAnswer<"transcribe">, task: string) => object;
    }
  | {
      readonly type: "text";
      readonly contentType: string;
      readonly tell: (spoken: Spoken) => string;
      /** What stands at its beginning whatever follows. */
      readonly soFar: (spoken: Spoken) => string;
      /** What says nothing behind that. */
      readonly beat?: string;
    };

const captions = (spoken: Spoken, point: string, isNumbered: boolean): string =>
  spoken
    .map(
      ({ text, fromMs, toMs }, index) =>
        `${isNumbered ? `${index + 1}\n` : ""}${clockOf(fromMs, point)} --> ` +
        `${clockOf(toMs, point)}\n${text.trim()}\n\n`,
    )
    .join("");
const srtOf = (spoken: Spoken): string => captions(spoken, ",", true);
const vttOf = (spoken: Spoken): string => `WEBVTT\n\n${captions(spoken, ".", false)}`;

/** The forms in which a transcript is told. */
const transcripts: Readonly<Record<string, TranscriptForm>> = {
  json: { type: "json", tell: (spoken) => ({ text: textOf(spoken) }) },
  text: {
    type: "text",
    contentType: "text/plain; charset=utf-8",
    tell: (spoken) => `${textOf(spoken)}\n`,
    soFar: textOf,
  },
  verbose_json: {
    type: "json",
    tell: (spoken, { language, durationMs }, task) => ({
      task,
      language: language ?? "unknown",
      duration: durationMs / 1_000,
      text: textOf(spoken),
      segments: spoken.map(({ text, fromMs, toMs }, id) => ({ id, start: fromMs / 1_000, end: toMs / 1_000, text })),
    }),
  },
  srt: { type: "text", contentType: "application/x-subrip; charset=utf-8", tell: srtOf, soFar: srtOf },
  // A block that says only that it is a note: readers of captions skip it.
  vtt: { type: "text", contentType: "text/vtt; charset=utf-8", tell: vttOf, soFar: vttOf, beat: "NOTE\n\n" },
};

/** The fields of a form as those of a body in JSON: lists are written with brackets, and numbers and truths as
 *  texts. */
function fieldsIn(form: FormData): Fields {
  const names = new Set(form.keys());
  const valueOf = (one: string | File): unknown =>
    typeof one === "string" && /^(?:true|false|null|-?\d+(?:\.\d+)?)$/.test(one) ? (JSON.parse(one) as unknown) : one;
  return Object.fromEntries(
    [...names].map((name) => {
      const values = form.getAll(name).map(valueOf);
      return name.endsWith("[]") ? [name.slice(0, -2), values] : [name, values.at(-1)];
    }),
  );
}

/** Adds them. */
export function addAudio(surface: Surface): void {
  const { app, at, calls, models } = surface;
  const speech = { summary: "Speaks a text", tag: "openai", body: speechRequest, isMedia: true } as const;
  addPost(surface, "/v1/audio/speech", speech, async (posted) => {
    const { body, asking, reply } = posted;
    checkTexts(posted, at);
    const [format, way] = [body.response_format, body.stream_format ?? "audio"];
    if (way !== "audio" && way !== "sse") refuse("/stream_format", "must be audio or sse");
    const wanted = typeof format === "string" ? ownOf(formats, format) : undefined;
    if (typeof format === "string" && wanted === undefined)
      refuse("/response_format", `must be ${Object.keys(formats).join(", ")}`);
    const text = demand(readText("/input", body.input));
    const { model } = await models.resolve(asking.caller, body.model);
    const request = {
      model,
      text,
      ...(typeof body.voice === "string" && { voice: body.voice }),
      ...(typeof body.speed === "number" && { speed: body.speed }),
      ...(wanted !== undefined && { mediaType: wanted }),
    };
    const speak = async (each: Asking, onBytes: (bytes: Uint8Array) => void): Promise<string> => {
      const { mediaType } = await calls.run(each, "speak", request, ({ bytes }) => onBytes(bytes));
      if (wanted !== undefined && mediaType !== wanted)
        refuse("/response_format", `this model makes ${mediaType}; leave it out`);
      return mediaType;
    };
    if (way === "sse")
      return events(asking, reply, async (say, each) => {
        await speak(each, (bytes) => say({ type: "speech.audio.delta", audio: Buffer.from(bytes).toString("base64") }));
        say({ type: "speech.audio.done" });
      });
    const pieces: Uint8Array[] = [];
    const take = (): Buffer => Buffer.concat(pieces.splice(0));
    // Before its end nobody knows what a sound is that was not asked for by its form.
    const late = { contentType: wanted ?? "", rest: take, ...(wanted !== undefined && { come: take }) };
    const mediaType = await answeredWhole(
      asking,
      reply,
      at,
      (each) => speak(each, (bytes) => pieces.push(bytes)),
      late,
    );
    return typeof mediaType === "string" ? reply.type(mediaType).serializer(String).send(take()) : mediaType;
  });

  for (const [path, task] of [
    ["transcriptions", "transcribe"],
    ["translations", "translate"],
  ] as const)
    app.post(
      `/v1/audio/${path}`,
      {
        bodyLimit: at.limits.mediaBytesMax + at.limits.bodyBytesMax,
        config: { access: "user", permission: "model.use", bytesMax: at.limits.mediaBytesMax },
        schema: {
          summary: task === "transcribe" ? "Writes down what is said" : "Writes down in English what is said",
          tags: ["openai"],
          consumes: ["multipart/form-data"],
        },
      },
      (request, reply) =>
        whileAsked(request, reply, async (asking) => {
          if (!(request.body instanceof FormData)) return refuse("", "must be multipart/form-data");
          checkFields(`/v1/audio/${path}`, fieldsIn(request.body), reply);
          const asked = await readForm(request.body, task === "translate");
          const { model } = await models.resolve(asking.caller, asked.request.model);
          const whole = { ...asked.request, model };
          if (asked.stream) return stream(asking, reply, whole);
          const spoken: EnginePart<"transcribe">[] = [];
          const hear = (each: Asking): Promise<EngineAnswer<"transcribe">> =>
            calls.run(each, "transcribe", whole, (part) => spoken.push(part));
          const { form } = asked;
          if (form.type === "json")
            return answeredWhole(asking, reply, at, async (each) => form.tell(spoken, await hear(each), task));
          let toldChars = 0;
          const come = (text: string): string => {
            const more = text.slice(toldChars);
            toldChars += more.length;
            return more;
          };
          const late = {
            contentType: form.contentType,
            ...(form.beat !== undefined && { beat: form.beat }),
            come: () => come(form.soFar(spoken)),
            rest: come,
          };
          const text = await answeredWhole(
            asking,
            reply,
            at,
            async (each) => (await hear(each), form.tell(spoken)),
            late,
          );
          return typeof text === "string" ? reply.type(form.contentType).serializer(String).send(text) : text;
        }),
    );

  const stream = (asked: Asking, reply: FastifyReply, request: Parsed["request"]): Promise<void> =>
    events(asked, reply, async (say, asking) => {
      const spoken: EnginePart<"transcribe">[] = [];
      await calls.run(asking, "transcribe", request, (part) => {
        spoken.push(part);
        say({ type: "transcript.text.delta", delta: part.text });
      });
      say({ type: "transcript.text.done", text: textOf(spoken) });
    });

  type Say = (data: Fields & { readonly type: string }) => void;
  function events(
    asked: Asking,
    reply: FastifyReply,
    work: (say: Say, asking: Asking) => Promise<void>,
  ): Promise<void> {
    const told: (data: Parameters<Say>[0]) => string = (data) =>
      `event: ${data.type}\ndata: ${JSON.stringify(data)}\n\n`;
    return streamed(
      { asking: asked, reply, at },
      streams.events,
      (out, asking) => work((data) => out.write(told(data)), asking),
      (reason) => told({ type: "error", ...openAiError(reason) }),
    );
  }

  interface Parsed {
    readonly request: Omit<EngineRequest<"transcribe">, "id" | "timeoutMs" | "person" | "key"> & {
      readonly model: string;
    };
    readonly stream: boolean;
    readonly form: TranscriptForm;
  }

  async function readForm(form: FormData, translate: boolean): Promise<Parsed> {
    const fields: Fields = Object.fromEntries(form.entries());
    const textIn = (name: string, charsMax: number): string | undefined => {
      const value = fields[name];
      if (value === undefined || value === "") return undefined;
      if (typeof value !== "string" || value.length > charsMax)
        return refuse(`/${name}`, `must be a text of at most ${charsMax} characters`);
      return demand(readText(`/${name}`, value));
    };
    const { file } = fields;
    if (!(file instanceof File)) return refuse("/file", "must be a file");
    const max = at.limits.mediaBytesMax;
    if (file.size > max) throw new PlexusError(failure("TOO_LARGE", { limit: "mediaBytesMax", max }));
    const format = textIn("response_format", 32) ?? "json";
    const told = Object.hasOwn(transcripts, format) ? transcripts[format] : undefined;
    if (told === undefined) return refuse("/response_format", `must be ${Object.keys(transcripts).join(", ")}`);
    const ending = ownOf(soundTypes, /\.(\w+)$/.exec(file.name)?.[1]?.toLowerCase() ?? "");
    const mediaType = file.type.startsWith("audio/") ? (file.type.split(";", 1)[0] as string) : ending;
    if (mediaType === undefined) return refuse("/file", "must be a sound: wav, mp3, flac, ogg, m4a or webm");
    const model = textIn("model", 200);
    if (model === undefined) return refuse("/model", "must be the name of a model");
    const language = textIn("language", 32);
    const prompt = textIn("prompt", 4_096);
    return {
      request: {
        model,
        audio: { type: "audio", mediaType, bytes: new Uint8Array(await file.arrayBuffer()) },
        ...(language !== undefined && { language }),
        ...(prompt !== undefined && { prompt }),
        ...(translate && { translate }),
      },
      stream: textIn("stream", 8) === "true",
      form: told,
    };
  }
}
