import { Button, FileButton, TextInput } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import type { OwnEmoji } from "../../../../protocols/index.ts";
import { isOwnEmoji } from "../../../../protocols/text/own-emoji.ts";
import { notices } from "../../live/index.ts";
import { call } from "../../wire/index.ts";
import { base64Of, emojiOf, UnfitPicture } from "../parts/drawn.ts";
import { useFaults } from "../parts/faults.ts";
import { Form } from "../parts/form.tsx";
import { ownEmojiKey, useNames, useOwnEmoji } from "../parts/lists.ts";
import { Note } from "../parts/note.tsx";
import { OwnEmojiPicture } from "../parts/own-emoji.tsx";
import { useRights } from "../parts/rights.ts";
import { Told } from "../parts/told.tsx";
import { useDialogs } from "../shell/dialogs.tsx";
import { Part } from "./part.tsx";

const nameRule = "2 to 30 lower-case letters, digits, _, + and -; it begins with a letter.";

/** The cluster's own emoji: everybody sees them, and some add and remove them. */
export function OwnEmojiSettings() {
  const queries = useQueryClient();
  const { data, error } = useOwnEmoji();
  const { may } = useRights();
  const { ask } = useDialogs();
  const nameFor = useNames();
  const mayManage = may("emoji.manage");
  const reload = () => queries.invalidateQueries({ queryKey: ownEmojiKey });
  const remove = async ({ name }: OwnEmoji) => {
    const body = <p>Messages and reactions that have it show :{name}: from then on.</p>;
    if (!(await ask({ title: `Remove :${name}:?`, body, action: "Remove", grave: true }))) return;
    const result = await call("emoji.remove", { name });
    if (!result.ok && result.error.code !== "NOT_FOUND") notices.fail(result.error);
    await reload();
  };
  return (
    <Part title="Emoji" about="Emoji that only this cluster has. Write one as :name:, or find it in the list of emoji.">
      {error !== null && (
        <Note tone="bad">
          <Told text={error.message} />
        </Note>
      )}
      {mayManage && <AddEmoji onAdded={reload} />}
      <ul className="lines" aria-label="Emoji of this cluster">
        {data?.emoji.map((emoji) => (
          <li key={emoji.name}>
            <OwnEmojiPicture name={emoji.name} hash={emoji.hash} large />
            <span className="grow">
              <span className="ellipsis line-title">:{emoji.name}:</span>
              {emoji.by !== undefined && <span className="dim break">Added by {nameFor(`user/${emoji.by}`)}</span>}
            </span>
            {mayManage && (
              <Button
                variant="default"
                size="xs"
                aria-label={`Remove the emoji ${emoji.name}`}
                onClick={() => void remove(emoji)}
              >
                Remove
              </Button>
            )}
          </li>
        ))}
      </ul>
      {data?.emoji.length === 0 && <p className="dim">This cluster has no emoji of its own yet.</p>}
    </Part>
  );
}

/** A name that a file suggests. */
const suggested = (file: string): string =>
  file
    .replace(/\.[^.]*$/, "")
    .toLowerCase()
    .replaceAll(/[^a-z0-9_+-]+/g, "-")
    .replace(/^[^a-z]+/, "")
    .slice(0, 30)
    .replace(/-+$/, "");

function AddEmoji({ onAdded }: { readonly onAdded: () => Promise<unknown> }) {
  const [name, setName] = useState("");
  const [chosen, setChosen] = useState<{ readonly picture: Blob; readonly url: string }>();
  const faults = useFaults({ name: nameRule, picture: "Choose a PNG, JPEG, WebP or GIF." });
  useEffect(() => {
    if (chosen !== undefined) return () => URL.revokeObjectURL(chosen.url);
    return undefined;
  }, [chosen]);
  const choose = async (file: File | null) => {
    if (file === null) return;
    try {
      const picture = await emojiOf(file);
      setChosen({ picture, url: URL.createObjectURL(picture) });
      if (name === "") setName(suggested(file.name));
    } catch (thrown) {
      if (!(thrown instanceof UnfitPicture)) throw thrown;
      faults.say(thrown.message, "picture");
    }
  };
  const add = async () => {
    const wanted = name
      .trim()
      .toLowerCase()
      .replace(/^:(.*):$/, "$1");
    if (chosen === undefined) return faults.say("Choose a picture first.", "picture");
    if (!isOwnEmoji(`:${wanted}:`)) return faults.say(nameRule, "name");
    const result = await call("emoji.add", { name: wanted, picture: await base64Of(chosen.picture) });
    if (!result.ok)
      return result.error.code === "NAME_TAKEN"
        ? faults.say(`There is an emoji :${wanted}: already. Take another name, or remove that one first.`, "name")
        : void faults.take(result.error);
    setName("");
    setChosen(undefined);
    notices.show(`Everybody can write :${wanted}: from now on.`);
    await onAdded();
  };
  return (
    <Form id="emoji" faults={faults} className="stack" onSubmit={add} label="Add an emoji">
      <div className="row wrap">
        {chosen !== undefined && <img src={chosen.url} alt="The picture that you have chosen" height={48} />}
        <FileButton accept="image/png,image/jpeg,image/webp,image/gif" onChange={(file) => void choose(file)}>
          {(props) => (
            <Button variant="default" {...props}>
              {chosen === undefined ? "Choose a picture" : "Choose another picture"}
            </Button>
          )}
        </FileButton>
      </div>
      {faults.of("picture") !== undefined && (
        <p className="pull-error flush" role="alert">
          {faults.of("picture")}
        </p>
      )}
      <TextInput
        label="Name"
        description={`${nameRule} A picture that moves is shown still.`}
        placeholder="party-parrot"
        error={faults.of("name")}
        value={name}
        maxLength={32}
        autoCapitalize="none"
        spellCheck={false}
        onChange={(event) => setName(event.currentTarget.value)}
      />
      <div className="row">
        <Button type="submit">Add</Button>
      </div>
    </Form>
  );
}
