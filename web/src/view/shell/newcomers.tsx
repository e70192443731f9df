import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { Setup } from "../../../../protocols/index.ts";
import { ownPlace, seen } from "../../wire/index.ts";
import { Copyable } from "../parts/copyable.tsx";
import { Note } from "../parts/note.tsx";
import { useRights } from "../parts/rights.ts";

/** What the node says to everybody; undefined: it has not said it yet. */
export const useSetup = (): Setup | undefined =>
  useQuery({ queryKey: ["setup"], queryFn: () => seen("signIn.setup"), refetchInterval: 30_000 }).data;

/** Where people find this page: what links for others begin with. */
export const placeForOthers = (setup: Pick<Setup, "publicUrl"> | undefined): string => setup?.publicUrl ?? ownPlace();

/** Whether an address leads to this page on one machine only. */
const isOnlyHere = (address: string): boolean =>
  /^https?:\/\/(localhost|127\.[\d.]+|\[::1\])(:\d+)?(\/|$)/i.test(address);

/** Says so. */
export function OnlyHere({ address }: { readonly address: string }) {
  if (!isOnlyHere(address)) return null;
  return (
    <Note tone="warn">
      This address works on the machine of the node alone. Open the page under the address by which others reach it, or
      set publicUrl in the{" "}
      <Link to="/admin/$page" params={{ page: "configuration" }} className="link">
        configuration
      </Link>
      : links begin with it then.
    </Note>
  );
}

/** How somebody without an account comes here, said to a person who wants them in a room: what to send, or whom to
 *  ask. */
export function Newcomers({ path }: { readonly path: string }) {
  const setup = useSetup();
  const { may } = useRights();
  if (setup === undefined) return null;
  const address = placeForOthers(setup) + path;
  if (setup.signUp === "open")
    return (
      <div className="newcomers">
        <p className="dim">
          People without an account make one at this address, and come to this room. Send it to them:
        </p>
        <Copyable text={address} label="Copy the address" />
        <OnlyHere address={address} />
      </div>
    );
  return (
    <div className="newcomers">
      {may("people.admit") ? (
        <p className="dim">
          Somebody without an account needs an invitation:{" "}
          <Link to="/admin/$page" params={{ page: "people" }} className="link">
            make a link for them
          </Link>
          .
        </p>
      ) : (
        <p className="dim">Somebody without an account needs an invitation from an admin.</p>
      )}
    </div>
  );
}
