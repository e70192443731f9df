import { Button, SegmentedControl } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import type { Failure, OperationInput, Session } from "../../../../protocols/index.ts";
import { notices } from "../../live/index.ts";
import { call, ownPlace, seen } from "../../wire/index.ts";
import { useActOn } from "../parts/act.ts";
import { Copyable } from "../parts/copyable.tsx";
import { useDialogs } from "../shell/dialogs.tsx";
import { useModels } from "../parts/lists.ts";
import { Note } from "../parts/note.tsx";
import { NewKey } from "./new-key.tsx";
import { Part } from "./part.tsx";
import { keyStory } from "./session-words.ts";

const all = ["keys"];

/** Keys for programs that speak OpenAI's interface to this node. */
export function Keys() {
  const queries = useQueryClient();
  const { ask } = useDialogs();
  const act = useActOn(all);
  const [made, setMade] = useState<string>();
  const loaded = useQuery({
    queryKey: all,
    queryFn: () => seen("account.keys"),
  });
  const reload = () => queries.invalidateQueries({ queryKey: all });
  const create = async (
    wanted: OperationInput<"account.addKey">,
    on: (refusal: Failure) => boolean,
  ): Promise<boolean> => {
    const created = await act(() => call("account.addKey", wanted), on);
    if (created !== undefined) setMade(created.key);
    return created !== undefined;
  };
  const revoke = async ({ id, label: name }: Session) => {
    const question = {
      title: `Revoke the key “${name}”?`,
      body: <p>Programs that use it are refused from now on. This cannot be undone.</p>,
      action: "Revoke",
      grave: true,
    };
    if (!(await ask(question))) return;
    const result = await call("account.endKey", { id });
    if (!result.ok) return notices.fail(result.error);
    await reload();
  };
  return (
    <>
      <Part
        title="API keys"
        about="An API key lets a program use the models here as OpenAI's. Anyone who has the key acts as you."
      >
        <NewKey onMake={create} />
        {made !== undefined && (
          <Note tone="good" title="Your new key. Copy it now: it is not shown again">
            <Copyable text={made} label="Copy the key" />
          </Note>
        )}
        <ul className="lines">
          {loaded.data?.keys.map((key) => (
            <li key={key.id}>
              <span className="grow">
                <span className="ellipsis line-title">{key.label}</span>
                <span className="dim break">{keyStory(key)}</span>
              </span>
              <Button
                variant="default"
                size="xs"
                aria-label={`Revoke the key ${key.label}`}
                onClick={() => void revoke(key)}
              >
                Revoke
              </Button>
            </li>
          ))}
        </ul>
        {loaded.data?.keys.length === 0 && <p className="dim">You have no keys.</p>}
      </Part>
      <Part title="How to use a key">
        <Example apiKey={made ?? "YOUR_KEY"} />
      </Part>
    </>
  );
}

function Example({ apiKey }: { readonly apiKey: string }) {
  const model = useModels()[0]?.model ?? "MODEL";
  const [way, setWay] = useState("curl");
  const examples: Readonly<Record<string, string>> = {
    curl: `curl ${ownPlace()}/v1/chat/completions \\
  -H "Authorization: Bearer ${apiKey}" \\
  -H "Content-Type: application/json" \\
  -d '{"model": "${model}", "messages": [{"role": "user", "content": "Hello!"}]}'`,
    openai: `import OpenAI from "openai";

const client = new OpenAI({ baseURL: "${ownPlace()}/v1", apiKey: "${apiKey}" });
const stream = await client.chat.completions.create({
  model: "${model}",
  messages: [{ role: "user", content: "Hello!" }],
  stream: true,
});
for await (const part of stream) process.stdout.write(part.choices[0]?.delta.content ?? "");`,
    python: `from openai import OpenAI

client = OpenAI(base_url="${ownPlace()}/v1", api_key="${apiKey}")
answer = client.chat.completions.create(
    model="${model}",
    messages=[{"role": "user", "content": "Hello!"}],
)
print(answer.choices[0].message.content)`,
  };
  return (
    <>
      <SegmentedControl
        aria-label="Example for"
        value={way}
        onChange={setWay}
        data={[
          { value: "curl", label: "curl" },
          { value: "openai", label: "JavaScript" },
          { value: "python", label: "Python" },
        ]}
      />
      <Copyable text={examples[way] ?? ""} label="Copy the example" />
    </>
  );
}
