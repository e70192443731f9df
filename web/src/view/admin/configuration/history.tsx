import { Button, Select } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { notices } from "../../../live/index.ts";
import { call, seen } from "../../../wire/index.ts";
import { useActOn } from "../../parts/act.ts";
import { useDialogs } from "../../shell/dialogs.tsx";
import { Note } from "../../parts/note.tsx";
import { useRights } from "../../parts/rights.ts";
import { Part } from "../../settings/part.tsx";
import { momentOf } from "../../parts/time.ts";
import { live } from "../look.ts";
import { Effects } from "./effects.tsx";
import { configurationKey, lookMs, valueText } from "./words.ts";

const everyNode = "All nodes";

/** What was changed, and the way back. */
export function History({ nodes }: { readonly nodes: readonly string[] }) {
  const { may } = useRights();
  const { ask } = useDialogs();
  const act = useActOn(configurationKey);
  const [scope, setScope] = useState(everyNode);
  const node = scope === everyNode ? undefined : scope;
  const of = node === undefined ? {} : { node };
  const { data, error } = useQuery({
    ...live(lookMs),
    queryKey: [...configurationKey, "history", scope],
    queryFn: () => seen("configuration.history", of),
  });
  const goBack = async (to: number) => {
    const plan = await act(() => call("configuration.plan", { ...of, to }));
    if (plan === undefined || data === undefined) return;
    const title = to === 0 ? "Set everything back to before the first change?" : `Set everything back to change ${to}?`;
    if (!(await ask({ title, body: <Effects plan={plan} />, action: "Go back" }))) return;
    const done = await act(() => call("configuration.rollBack", { ...of, to, revision: data.revision }));
    if (done !== undefined) notices.show("The configuration is as it was then.");
  };
  return (
    <Part title="Changes" about="Only the newest changes; the audit log has all of them.">
      {nodes.length > 1 && (
        <Select
          label="For"
          data={[everyNode, ...nodes]}
          value={scope}
          allowDeselect={false}
          searchable
          limit={100}
          onChange={(value) => setScope(value ?? everyNode)}
        />
      )}
      {error !== null && <Note tone="bad">{error.message}</Note>}
      <ul className="alerts" aria-label="Changes of the configuration">
        {data?.changes.map(({ revision, atMs, by, backTo, changes }) => (
          <li key={revision}>
            <div className="row wrap">
              <span className="grow line-title">Change {revision}</span>
              <span className="dim break">
                {by}, {momentOf(atMs)}
              </span>
            </div>
            {backTo !== undefined && <p className="dim flush">Back to change {backTo}</p>}
            {changes.map(({ key, before, after }) => (
              <p key={key} className="flush break">
                {key}: {before === undefined ? "not set" : valueText(before)} →{" "}
                {after === undefined ? "not set" : valueText(after)}
              </p>
            ))}
            {may("config.manage") && (
              <div className="row">
                <Button variant="default" size="xs" onClick={() => void goBack(revision - 1)}>
                  Go back to before change {revision}
                </Button>
              </div>
            )}
          </li>
        ))}
      </ul>
      {data?.changes.length === 0 && <p className="dim flush">Nothing was changed.</p>}
    </Part>
  );
}
