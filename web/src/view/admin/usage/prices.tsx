import { Button, TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import type { Price, SetPrice } from "../../../../../protocols/index.ts";
import { notices } from "../../../live/index.ts";
import { call, seen } from "../../../wire/index.ts";
import { useActOn } from "../../parts/act.ts";
import { useFaults } from "../../parts/faults.ts";
import { Form } from "../../parts/form.tsx";
import { formText } from "../../parts/form-text.ts";
import { useRights } from "../../parts/rights.ts";
import { useSeen } from "../../parts/seen.ts";
import { Part } from "../../settings/part.tsx";
import { Table, type Column } from "../table.tsx";

const all = ["usage"];
const priceMax = 1_000_000;
const priceRule = "A number from 0 to 1,000,000, like 2.5.";

/** A price as it is on show. */
function withoutName(price: Price | undefined): SetPrice | null {
  if (price === undefined) return null;
  const { name: _, ...rest } = price;
  return rest;
}

/** What models cost: the rates by which usage has a cost. */
export function Prices() {
  const { may } = useRights();
  const act = useActOn(all);
  const faults = useFaults({
    name: "The name of a model, or the beginning of names and a *.",
    input: priceRule,
    output: priceRule,
  });
  const { data } = useQuery({ queryKey: ["usage", "prices"], queryFn: () => seen("prices.list"), retry: false });
  const rests = useSeen(
    faults,
    (model) => withoutName(data?.prices.find(({ name }) => name === model)),
    (model, now) =>
      now === null
        ? `Somebody else has removed the price of ${model} in the meantime.`
        : `Somebody else has set the price of ${model} in the meantime: ${now?.input} and ${now?.output}.`,
  );
  const mayChange = may("cluster.administer");
  const remove = async ({ name }: Price) => {
    if ((await act(() => call("prices.remove", { model: name }))) !== undefined)
      notices.show(`${name} costs nothing now.`);
  };
  const set = async (form: HTMLFormElement) => {
    const [input, output] = [Number(formText(form, "input")), Number(formText(form, "output"))];
    for (const [field, price] of Object.entries({ input, output }))
      if (!(price >= 0 && price <= priceMax)) return faults.say(priceRule, field);
    const model = formText(form, "model").trim();
    const price = { model, input, output, seen: rests.of(model) };
    if ((await act(() => call("prices.set", price), rests.take(model))) === undefined) return;
    rests.end();
    notices.show(`The price of ${model} was set.`);
    form.reset();
  };
  const columns: readonly Column<Price>[] = [
    { head: "Model", cell: ({ name }) => name },
    { head: "Tokens read", align: "end", cell: ({ input }) => input },
    { head: "Tokens written", align: "end", cell: ({ output }) => output },
    { head: "A call", align: "end", wide: true, cell: ({ call }) => call ?? "" },
    ...(mayChange
      ? [
          {
            head: "Change",
            align: "end" as const,
            cell: (price: Price) => (
              <Button
                variant="default"
                size="xs"
                aria-label={`Remove the price of ${price.name}`}
                onClick={() => void remove(price)}
              >
                Remove
              </Button>
            ),
          },
        ]
      : []),
  ];
  return (
    <Part
      title="Prices"
      about={
        "Prices for a million tokens, in your currency. A name that ends in * matches all names that begin with " +
        "the rest. A new price applies from now on."
      }
    >
      <Table
        label="Prices of models"
        columns={columns}
        rows={data?.prices ?? []}
        keyOf={({ name }) => name}
        nothing="No model has a price."
      />
      {mayChange && (
        <Form id="price" faults={faults} className="row field-row" onSubmit={set}>
          <TextInput
            className="grow"
            name="model"
            label="Model"
            error={faults.of("name")}
            onChange={({ currentTarget: { value } }) => rests.begin(value.trim())}
            placeholder="openai/*"
            required
            maxLength={200}
            autoCapitalize="none"
            autoComplete="off"
          />
          <TextInput
            name="input"
            label="Tokens read"
            placeholder="2.5"
            required
            inputMode="decimal"
            error={faults.of("input")}
          />
          <TextInput
            name="output"
            label="Tokens written"
            placeholder="10"
            required
            inputMode="decimal"
            error={faults.of("output")}
          />
          <Button type="submit" variant="default">
            Set the price
          </Button>
        </Form>
      )}
    </Part>
  );
}
