import { Button, Select, TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import type { NodeSettings, SettingAtNode, SettingKind, SettingsView } from "../../../../../protocols/index.ts";
import { sentence } from "../../../model/field-faults.ts";
import { finder } from "../../../../../protocols/text/names.ts";
import { Note } from "../../parts/note.tsx";
import { useRights } from "../../parts/rights.ts";
import { Told } from "../../parts/told.tsx";
import { Part } from "../../settings/part.tsx";
import { AdminPage } from "../frame.tsx";
import { live } from "../look.ts";
import { SettingEditor } from "./editor.tsx";
import { History } from "./history.tsx";
import { Secrets } from "./secrets.tsx";
import { readSettings } from "./queries.ts";
import { configurationKey, lookMs, sourceText, valueText } from "./words.ts";
import "../alerts/alerts.css";
import "./configuration.css";

/** How the nodes are configured, and what the cluster says of it. */
export function ConfigurationPage() {
  return (
    <AdminPage
      title="Configuration"
      needs="config.read"
      refusal="Only people with permission to see the configuration see this page."
    >
      <Configuration />
    </AdminPage>
  );
}

function Configuration() {
  const { may } = useRights();
  const [node, setNode] = useState<string>();
  const { data, error } = useQuery({
    ...live(lookMs),
    queryKey: [...configurationKey, "of", node],
    queryFn: () => readSettings(node),
    placeholderData: (kept) => kept,
  });
  const [text, setText] = useState("");
  const [all, setAll] = useState(false);
  if (data === undefined)
    return error === null ? <p className="dim">Loading …</p> : <Note tone="bad">{error.message}</Note>;
  const [shown] = data.nodes;
  const names = data.names ?? data.nodes.map((one) => one.node);
  return (
    <>
      {error !== null && <Note tone="bad">{error.message}</Note>}
      <Part
        title="Settings"
        about={
          "Settings made here override a node’s configuration file. A node’s environment variables and flags " +
          "override these settings."
        }
      >
        <div className="row wrap field-row">
          <TextInput
            className="grow"
            label="Find a setting"
            placeholder="sign"
            type="search"
            value={text}
            onChange={(event) => setText(event.currentTarget.value)}
          />
          {names.length > 1 && (
            <Select
              label="Node"
              data={names}
              value={shown?.node ?? null}
              allowDeselect={false}
              searchable
              limit={100}
              onChange={(value) => setNode(value ?? undefined)}
            />
          )}
          <label className="check">
            <input type="checkbox" checked={all} onChange={(event) => setAll(event.currentTarget.checked)} /> Also
            defaults
          </label>
        </div>
        {shown !== undefined && <Settings view={data} of={shown} text={text} all={all} />}
      </Part>
      {may("secrets.read") && <Secrets />}
      <History nodes={names} />
    </>
  );
}

const isRemarkable = ({ source, next, notApplied }: SettingAtNode): boolean =>
  source !== "default" || next !== undefined || notApplied !== undefined;

function Settings(props: {
  readonly view: SettingsView;
  readonly of: NodeSettings;
  readonly text: string;
  readonly all: boolean;
}) {
  const { view, of, text, all } = props;
  const { may } = useRights();
  const [open, setOpen] = useState<string>();
  if (of.unknown !== undefined)
    return (
      <Note tone="warn" title={`No answer from ${of.node} now`}>
        {of.unknown}
      </Note>
    );
  const isFound = finder(text);
  const kinds = new Map(view.keys.map((kind) => [kind.key, kind]));
  const rows = of.settings.filter((one) => {
    if (text.trim() === "") return all || isRemarkable(one);
    return isFound(one.key, kinds.get(one.key)?.says);
  });
  return (
    <>
      <ul className="alerts settings-keys" aria-label="Settings">
        {rows.map((one) => {
          const kind = kinds.get(one.key);
          return (
            <li key={one.key} className={one.notApplied === undefined ? "" : "warning"}>
              <Row one={one} kind={kind} />
              {kind !== undefined && kind.own === undefined && may("config.manage") && (
                <div className="row">
                  <Button
                    variant="default"
                    size="xs"
                    aria-expanded={open === one.key}
                    aria-label={`Change: ${one.key}`}
                    onClick={() => setOpen(open === one.key ? undefined : one.key)}
                  >
                    Change
                  </Button>
                </div>
              )}
              {kind !== undefined && open === one.key && (
                <SettingEditor key={one.key} kind={kind} view={view} onDone={() => setOpen(undefined)} />
              )}
            </li>
          );
        })}
      </ul>
      {rows.length === 0 && (
        <p className="dim flush">
          {text.trim() === "" ? "Every setting has its default." : "No setting has a name like this."}
        </p>
      )}
    </>
  );
}

function Row({ one, kind }: { readonly one: SettingAtNode; readonly kind: SettingKind | undefined }) {
  return (
    <>
      <div className="row wrap">
        <span className="grow line-title break">{one.key}</span>
        <span className="chip">{sourceText(one)}</span>
        {kind?.live === true && <span className="chip">changes take effect at once</span>}
      </div>
      <p className="flush break setting-value">{valueText(one.value)}</p>
      <p className="dim flush break">
        {kind && <Told text={sentence(kind.says)} />}
        {kind?.own !== undefined && (
          <Told text={` Can only be set at the node itself (${kind.variable}): ${kind.own}.`} />
        )}
      </p>
      {one.next !== undefined && <p className="flush break">After a restart: {valueText(one.next.value)}</p>}
      {one.notApplied !== undefined && (
        <p className="flush break">
          <Told text={`The value set for the cluster is not used here: ${one.notApplied}.`} />
        </p>
      )}
    </>
  );
}
