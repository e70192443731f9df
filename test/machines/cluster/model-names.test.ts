/** A model that one node has pulled is called at another node, which has none of its files, by every name that it was
 *  or could have been pulled by. */
import { expect } from "chai";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { serveRepository } from "../../fixtures/model-servers.ts";
import { ClusterProcesses } from "../../fixtures/processes/cluster-processes.ts";
import { until } from "../../fixtures/processes/cluster-waits.ts";
import { plexus } from "../../fixtures/processes/plexus-command.ts";

const file = readFileSync(join(import.meta.dirname, "../../../runtimes/tiny-model/plexus-tiny.gguf"));

describe("the names of a pulled model", () => {
  it("lead to it from a node that does not have it, on each interface", async () => {
    const hub = await serveRepository("owner/tiny", { "tiny-Q8_0.gguf": file });
    const launcher = ["env", `PLEXUS_HUGGING_FACE=${hub.url}`];
    try {
      await using cluster = await ClusterProcesses.start([
        { name: "one", roles: "manager,chat,gateway,ai", launcher },
        { name: "two", roles: "chat,gateway", launcher },
      ]);
      const [one, two] = [cluster.named("one"), cluster.named("two")];
      const token = await one.signUp("ada");
      await plexus(one, "models", "pull", "hf:owner/tiny", "--accept-licence");
      const messages = [{ role: "user", content: "Hello" }];
      const ask = (path: string, body: object) => two.http("POST", path, body, token);
      const asked = hub.asked.length;
      const names = ["hf.co/owner/tiny", "hf.co/owner/tiny:latest", "https://huggingface.co/owner/tiny", "hf:owner/tiny"];
      for (const model of names) {
        // The other node learns of it a moment later.
        const chat = await until(`two knows ${model}`, async () => {
          const answer = await ask("/api/chat", { model, messages, stream: false });
          if (answer.status !== 200) throw new Error(JSON.stringify(answer.body));
          return answer.body as { readonly message: { readonly content: string } };
        });
        expect(chat.message.content, model).to.match(/\w/);
        expect((await ask("/api/show", { model })).status, model).to.equal(200);
        for (const [path, body] of [
          ["/v1/chat/completions", { messages }],
          ["/v1/responses", { input: "Hello" }],
          ["/v1/messages", { messages, max_tokens: 20 }],
          ["/api/generate", { prompt: "Hello", stream: false }],
        ] as const) {
          const answer = await ask(path, { model, ...body });
          expect(answer.status, `${path} ${model}: ${JSON.stringify(answer.body)}`).to.equal(200);
        }
      }
      for (const model of ["hf.co/owner/another", "hf.co/owner/tiny:Q2_K"])
        expect((await ask("/api/chat", { model, messages, stream: false })).status, model).to.equal(404);
      // Nothing was fetched for it, and the node that was asked has no files of it.
      expect(hub.asked).to.have.length(asked);
      expect(await plexus(two, "models", "list")).not.to.contain("owner/tiny");
    } finally {
      await hub.close();
      await hub.store.close();
    }
  });
}); // prettier-ignore
