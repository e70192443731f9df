import { Button, FileButton } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import { notices, queryKeys, useSession } from "../../live/index.ts";
import { request } from "../../wire/index.ts";
import { Avatar } from "../parts/avatar.tsx";
import { useFaces } from "../parts/faces.ts";
import { useNames } from "../parts/lists.ts";
import { squareOf, UnfitPicture } from "../parts/drawn.ts";

const accepted = "image/png,image/jpeg,image/webp";

/** The user's picture: choose one, see what will be sent, send it; or remove it. */
export function Picture() {
  const session = useSession();
  const queries = useQueryClient();
  const face = useFaces()(session.me);
  const name = useNames()(session.me);
  const [chosen, setChosen] = useState<{ readonly square: Blob; readonly url: string }>();
  const [busy, setBusy] = useState(false);
  const save = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    if (chosen === undefined) return;
    save.current?.focus();
    return () => URL.revokeObjectURL(chosen.url);
  }, [chosen]);

  const choose = async (file: File | null) => {
    if (file === null) return;
    try {
      const square = await squareOf(file);
      setChosen({ square, url: URL.createObjectURL(square) });
    } catch (thrown) {
      if (!(thrown instanceof UnfitPicture)) throw thrown;
      notices.show(thrown.message, "bad");
    }
  };
  const send = async (square: Blob, told: string) => {
    const result = await request("PUT", "/api/v1/me/avatar", square);
    if (!result.ok) return notices.fail(result.error);
    notices.show(told);
    setChosen(undefined);
    void queries.invalidateQueries({ queryKey: queryKeys.people });
  };
  const remove = async (url: string) => {
    // To have it again, should that be regretted.
    const before = await fetch(url).then(
      (response) => (response.ok ? response.blob() : undefined),
      () => undefined,
    );
    const result = await session.change("removeAvatar", {});
    if (!result.ok) return;
    void queries.invalidateQueries({ queryKey: queryKeys.people });
    if (before === undefined) notices.show("Your picture was removed.");
    else notices.done("Your picture was removed.", () => void send(before, "Your picture is back."));
  };
  const doing = async (work: Promise<void>) => {
    setBusy(true);
    await work;
    setBusy(false);
  };

  return (
    <div className="row picture">
      {chosen === undefined ? (
        <Avatar principal={session.me} label={name} size={96} says={face === undefined ? undefined : "Your picture"} />
      ) : (
        <img className="avatar" src={chosen.url} alt="What others will see" width={96} height={96} />
      )}
      {chosen === undefined ? (
        <>
          <FileButton accept={accepted} onChange={(file) => void choose(file)}>
            {(props) => (
              <Button variant="default" {...props}>
                {face === undefined ? "Choose a picture" : "Choose another picture"}
              </Button>
            )}
          </FileButton>
          {face !== undefined && (
            <Button variant="default" loading={busy} onClick={() => void doing(remove(face))}>
              Remove
            </Button>
          )}
        </>
      ) : (
        <>
          <Button
            ref={save}
            loading={busy}
            onClick={() => void doing(send(chosen.square, "Your picture was changed."))}
          >
            Use this picture
          </Button>
          <Button variant="default" onClick={() => setChosen(undefined)}>
            Cancel
          </Button>
        </>
      )}
    </div>
  );
}
