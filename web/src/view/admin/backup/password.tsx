import { PasswordInput } from "@mantine/core";
import { useState, type KeyboardEvent } from "react";
import { useSession } from "../../../live/index.ts";

/** Asks for the password again, within a question of the shell's. Enter answers it with yes. */
export function Password({
  fault,
  onType,
}: {
  readonly fault: string | undefined;
  readonly onType: (password: string) => void;
}) {
  const { name } = useSession();
  const [password, setPassword] = useState("");
  const answer = (event: KeyboardEvent<HTMLInputElement>) => {
    if (event.key !== "Enter" || event.nativeEvent.isComposing) return;
    event.currentTarget.closest("[role=dialog]")?.querySelector<HTMLElement>(".answers button:last-child")?.click();
  };
  return (
    <form onSubmit={(event) => event.preventDefault()}>
      <p>You gave your password too long ago for what reads or removes what others wrote, or changes keys.</p>
      {/* For the browser's keeper of passwords. */}
      <input type="text" autoComplete="username" value={name} readOnly hidden />
      <PasswordInput
        label="Password"
        autoComplete="current-password"
        value={password}
        error={fault}
        onChange={(event) => {
          setPassword(event.currentTarget.value);
          onType(event.currentTarget.value);
        }}
        onKeyDown={answer}
        data-autofocus
      />
    </form>
  );
}
