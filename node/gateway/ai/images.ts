/** OpenAI: images of a text. */
import { Type } from "typebox";
import { demand } from "../edge/refusals.ts";
import { maybe, readText } from "./conversation.ts";
import { refuse } from "./media.ts";
import { addPost, checkTexts, nowSeconds, type Surface } from "./surface.ts";

const imageRequest = Type.Object({
  model: Type.String({ maxLength: 200 }),
  prompt: Type.String(),
  n: maybe(Type.Integer({ minimum: 1, maximum: 10 })),
  size: maybe(
    Type.String({ pattern: "^(auto|[1-9][0-9]{1,3}x[1-9][0-9]{1,3})$", description: "auto, or like 512x512" }),
  ),
});

/** Adds it. */
export function addImages(surface: Surface): void {
  const { at, calls, models } = surface;
  const about = { summary: "Images of a text", tag: "openai", body: imageRequest };
  addPost(surface, "/v1/images/generations", about, async (posted) => {
    const { body, asking } = posted;
    checkTexts(posted, at);
    const prompt = demand(readText("/prompt", body.prompt));
    const [width, height] = (body.size ?? "auto").split("x").map(Number);
    const size = width !== undefined && height !== undefined ? { width, height } : {};
    const { model } = await models.resolve(asking.caller, body.model);
    const { images } = await calls.run(asking, "draw", { model, prompt, count: body.n ?? 1, ...size });
    if (images.length === 0) refuse("/prompt", "the model made no image of it");
    return {
      created: nowSeconds(at),
      data: images.map(({ bytes }) => ({ b64_json: Buffer.from(bytes).toString("base64") })),
      ...(images[0] && { output_format: images[0].mediaType.replace("image/", "") }),
    };
  });
}
