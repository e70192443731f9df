import { Button } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useEffect } from "react";
import type { FactorsView } from "../../../../protocols/index.ts";
import { notices } from "../../live/index.ts";
import { call, seen } from "../../wire/index.ts";
import { useActOn } from "../parts/act.ts";
import { cameBack, leaveOff } from "../shell/came-back.ts";
import { useDialogs } from "../shell/dialogs.tsx";
import { dateOf } from "../parts/time.ts";
import { Part } from "./part.tsx";

const all = ["factors"];
const path = "/settings/factors";

/** Identities of other servers that let the person in. */
export function Identities({ factors: { identities } }: { readonly factors: FactorsView }) {
  const send = useActOn(all);
  const { ask } = useDialogs();
  const loaded = useQuery({
    queryKey: ["sign-in-with"],
    queryFn: () => seen("signIn.servers"),
  });
  const providers = loaded.data?.providers ?? [];
  const labelOf = (name: string): string => providers.find((one) => one.name === name)?.label ?? name;

  // Back from another server: what was proven there is linked when the person says that it is theirs.
  useEffect(() => {
    if (cameBack()?.how !== "link") return;
    leaveOff();
    void (async () => {
      const proven = await call("factors.proven");
      if (!proven.ok) return notices.fail(proven.error);
      const { label, issuer } = proven.value;
      const body = (
        <p>
          <b>{label ?? "This identity"}</b> at {issuer} can then sign in to your account. Is it yours?
        </p>
      );
      if (!(await ask({ title: "Link this identity to your account?", body, action: "Link" }))) return;
      if ((await send(() => call("factors.acceptProven"))) !== undefined) notices.show("The identity was linked.");
    })();
  }, [ask, send]);

  const link = async (name: string) => {
    const begun = await send(() => call("factors.linkWith", { provider: name, return: path }));
    if (begun !== undefined) location.assign(begun.url);
  };
  const remove = async (id: string, called: string) => {
    const body = <p>You can no longer sign in with it. Your account there is not changed.</p>;
    if (await ask({ title: `Remove the link to ${called}?`, body, action: "Remove", grave: true }))
      await send(() => call("factors.unlink", { id }));
  };
  if (providers.length === 0 && identities.length === 0) return null;
  return (
    <Part
      title="Other servers"
      about="Sign in here with an account of another service. If you use a second factor, you are still asked for it."
    >
      {identities.length > 0 && (
        <ul className="lines">
          {identities.map(({ provider, issuer, label, claim, linkedAtMs }) => (
            <li key={`${issuer} ${claim}`}>
              <span className="grow">
                <span className="ellipsis line-title">
                  {labelOf(provider)}: {label ?? issuer}
                </span>
                <span className="dim">Linked on {dateOf(linkedAtMs)}</span>
              </span>
              {claim !== undefined && (
                <Button
                  variant="default"
                  size="xs"
                  aria-label={`Remove ${labelOf(provider)}`}
                  onClick={() => void remove(claim, labelOf(provider))}
                >
                  Remove
                </Button>
              )}
            </li>
          ))}
        </ul>
      )}
      <div className="row">
        {providers.map(({ name, label }) => (
          <Button key={name} variant="default" onClick={() => void link(name)}>
            Link {label}
          </Button>
        ))}
      </div>
    </Part>
  );
}
