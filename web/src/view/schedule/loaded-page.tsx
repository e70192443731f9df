import { Loader } from "@mantine/core";
import type { ReactNode } from "react";
import { Told } from "../parts/told.tsx";
import { MenuButton } from "../shell/dialogs.tsx";

/** A page of one list of the person's own: its title, and what came when it was asked for, or why nothing came. */
export function LoadedPage<Data>(props: {
  readonly title: string;
  readonly loaded: {
    readonly data: Data | undefined;
    readonly isPending: boolean;
    readonly error: Error | null;
    readonly refetch: () => unknown;
  };
  readonly children: (data: Data) => ReactNode;
}) {
  const { data, isPending, error, refetch } = props.loaded;
  return (
    <main className="screen-main">
      <header className="header">
        <MenuButton />
        <h1 className="grow">{props.title}</h1>
      </header>
      <div className="later-page">
        {isPending && <Loader aria-label="Loading" />}
        {error !== null && (
          <p>
            <Told text={error.message} />{" "}
            <button type="button" className="link" onClick={() => void refetch()}>
              Try again
            </button>
          </p>
        )}
        {data !== undefined && props.children(data)}
      </div>
    </main>
  );
}
