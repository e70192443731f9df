import { Button } from "@mantine/core";
import { useState } from "react";
import type { SuggestedModel, Suggestions } from "../../../../protocols/index.ts";
import { notices } from "../../live/index.ts";
import { callWithin } from "../../wire/index.ts";
import { bytes } from "./bytes.ts";

/** A node measures itself for some seconds, longer when it is busy. */
const measureTimeoutMs = 90_000;

/** Which models fit the machine of the page's node, once somebody asks. */
export function SuggestedModels({
  node,
  onPull,
}: {
  readonly node: string;
  readonly onPull: (model: SuggestedModel) => void;
}) {
  const [found, setFound] = useState<Suggestions>();
  const [asking, setAsking] = useState(false);
  const ask = async () => {
    setAsking(true);
    const result = await callWithin(measureTimeoutMs)("inference.suggest", { measure: true });
    setAsking(false);
    if (result.ok) setFound(result.value);
    else notices.fail(result.error, "look");
  };
  const fitting = found?.models.filter(({ fits }) => fits) ?? [];
  return (
    <>
      <Button variant="default" size="xs" loading={asking} onClick={() => void ask()}>
        Suggest models
      </Button>
      <span className="dim" role="status">
        {asking && " Measures how fast this machine is."}
        {found !== undefined && ` ${fitting.length} models fit ${node}.`}
      </span>
      {fitting.length > 0 && (
        <ul className="lines" aria-label={`Models that fit ${node}`}>
          {fitting.map((model) => (
            <li key={model.name}>
              <span className="grow">
                <span className="ellipsis line-title">{model.title}</span>
                <span className="dim break">{aboutOf(model)}</span>
              </span>
              <Button variant="default" size="xs" aria-label={`Pull ${model.title}`} onClick={() => onPull(model)}>
                Pull
              </Button>
            </li>
          ))}
        </ul>
      )}
    </>
  );
}

const aboutOf = ({ purpose, fileBytes, memoryBytes, tokensPerSecond, licence }: SuggestedModel): string =>
  [
    purpose,
    `${bytes(fileBytes)} to fetch`,
    `${bytes(memoryBytes)} of memory`,
    tokensPerSecond === undefined ? undefined : `about ${tokensPerSecond} tokens a second`,
    `licence ${licence}`,
  ]
    .filter((fact) => fact !== undefined)
    .join(" · ");
