import { Button } from "@mantine/core";
import { Component, type ReactNode } from "react";
import { Told } from "../parts/told.tsx";

/** Whether a part of the page could not be loaded. It stays so for this document: browsers and React remember that it
 *  failed. */
const isLostPart = (error: unknown): boolean =>
  error instanceof Error &&
  /dynamically imported module|Importing a module script failed|Unable to preload CSS/i.test(error.message);

/** In place of a screen that failed: the rest of the page goes on. */
export function BrokenScreen({ error, reset }: { readonly error: unknown; readonly reset: () => void }) {
  if (isLostPart(error))
    return (
      <main className="empty" role="alert">
        <h2>The page must be loaded again</h2>
        <p>
          A part of it could not be loaded: the node does not answer, or was upgraded while this tab was open. Nothing
          that you sent is lost.
        </p>
        <Button onClick={() => location.reload()}>Load it again</Button>
      </main>
    );
  return (
    <main className="empty" role="alert">
      <h2>Something went wrong on this screen</h2>
      <p>Nothing that you sent is lost. {error instanceof Error && <Told text={error.message} />}</p>
      <Button onClick={reset}>Try again</Button>
    </main>
  );
}

/** Shows the broken screen in place of a page that has no router around it yet: before somebody is signed in. */
export class ScreenBoundary extends Component<{ readonly children: ReactNode }, { readonly error?: unknown }> {
  override state: { readonly error?: unknown } = {};

  static getDerivedStateFromError(error: unknown): { readonly error: unknown } {
    return { error };
  }

  override render(): ReactNode {
    const { error } = this.state;
    return error === undefined ? (
      this.props.children
    ) : (
      <BrokenScreen error={error} reset={() => this.setState({ error: undefined })} />
    );
  }
}
