/** A server of the Open Inference Protocol, with Triton's extension for text. https://github.com/kserve/open-inference-protocol */
import { floatsOf } from "../../protocols/index.ts";
import { answerTo } from "../../runtimes/echo/adapter.ts";
import { at, listAt, numberAt, textAt } from "../../runtimes/remote/json.ts";
import { echoTo, json, type DoubleOptions, type Script } from "./double.ts";

const tensor = (name: string, datatype: string, shape: readonly number[]): object => ({ name, datatype, shape });

const models: Readonly<Record<string, { readonly inputs: readonly object[]; readonly outputs: readonly object[] }>> = {
  // As Triton's vLLM backend has it.
  echo: {
    inputs: [
      tensor("text_input", "BYTES", [1]),
      tensor("stream", "BOOL", [1]),
      tensor("sampling_parameters", "BYTES", [1]),
      tensor("exclude_input_in_output", "BOOL", [1]),
    ],
    outputs: [tensor("text_output", "BYTES", [-1])],
  },
  // As MLServer's and TorchServe's have it.
  whole: {
    inputs: [tensor("text", "BYTES", [-1]), tensor("max_tokens", "INT32", [1])],
    outputs: [tensor("answer", "BYTES", [-1])],
  },
  vectors: { inputs: [tensor("texts", "BYTES", [-1])], outputs: [tensor("vectors", "FP32", [-1, 32])] },
  pictures: { inputs: [tensor("image", "FP32", [1, 3, 224, 224])], outputs: [tensor("classes", "FP32", [1, 1000])] },
};

/** The double. */
export const kserveDouble =
  (options: DoubleOptions = {}): Script =>
  ({ path, body }, response) => {
    const [, model = "", method] = /^\/v2\/models\/([^/]+)(?:\/(\w+))?$/.exec(path) ?? [];
    const found = models[model];
    if (found === undefined)
      return json(response, { error: `Request for unknown model: '${model}' is not found` }, 404);
    if (method === undefined) return json(response, { name: model, versions: ["1"], platform: "echo", ...found });
    const { contextTokens = 4_096 } = options;
    if (method === "infer") {
      const texts = listAt(body, "inputs", 0, "data") as readonly string[];
      const output = (name: string, datatype: string, shape: readonly number[], data: readonly unknown[]): void =>
        json(response, {
          id: textAt(body, "id"),
          model_name: model,
          model_version: "1",
          outputs: [{ name, datatype, shape, data }],
        });
      if (model === "vectors") {
        const result = answerTo("embed", { id: "double", model, timeoutMs: 1, inputs: texts }, contextTokens);
        if (!result.ok) return json(response, { error: "the text exceeds the context length" }, 400);
        const numbers = result.value.vectors.map((vector) => [...floatsOf(vector)]);
        return output("vectors", "FP32", [texts.length, numbers[0]?.length ?? 0], numbers.flat());
      }
      let text = "";
      return echoTo({ model, messages: [{ role: "user", content: texts[0] ?? "" }] }, response, options, {
        part: (part) => (text += part.text),
        end: () => output("answer", "BYTES", [1], [text]),
        refuse: () => json(response, { error: "the prompt exceeds the context length" }, 400),
      });
    }
    const maxTokens = numberAt(body, "parameters", "max_tokens");
    const messages = [{ role: "user" as const, content: textAt(body, "text_input") ?? "" }];
    if (at(body, "stream") !== true) return json(response, { error: "stream is an input of this model" }, 400);
    return echoTo({ model, messages, sampling: maxTokens === undefined ? {} : { maxTokens } }, response, options, {
      part({ text }) {
        if (!response.headersSent) response.writeHead(200, { "content-type": "text/event-stream; charset=utf-8" });
        response.write(`data: ${JSON.stringify({ model_name: model, model_version: "1", text_output: text })}\n\n`);
      },
      end: () => response.end(),
      refuse: () => json(response, { error: "the prompt exceeds the context length" }, 400),
    });
  };
