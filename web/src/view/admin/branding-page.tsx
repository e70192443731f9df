import { Button, TextInput } from "@mantine/core";
import { useState, type ChangeEvent } from "react";
import type { BrandingView, SetBranding } from "../../../../protocols/index.ts";
import { coloursOf } from "../../../../protocols/text/contrast.ts";
import { notices } from "../../live/index.ts";
import { at, call } from "../../wire/index.ts";
import { useActOn } from "../parts/act.ts";
import { brandName, logoUrl, showBrand, useBrand } from "../shell/brand.ts";
import { base64Of } from "../parts/drawn.ts";
import { useFaults } from "../parts/faults.ts";
import { Form } from "../parts/form.tsx";
import { useRights } from "../parts/rights.ts";
import { useSeen } from "../parts/seen.ts";
import { Part } from "../settings/part.tsx";
import { AdminPage } from "./frame.tsx";
import "./branding.css";

const nothing: readonly string[] = ["branding"];
const logoRule = "A logo has at most 32 KiB, and 512 pixels a side.";
const lookChanged = "Somebody else has changed the look of the cluster in the meantime; it is shown here.";
const logoBytesMax = 32 * 1024;

/** How the cluster looks to people: looked at before it is saved. */
export function BrandingPage() {
  return (
    <AdminPage
      title="Branding"
      needs="config.read"
      refusal="Only people with permission to see the configuration see this page."
    >
      <Branding />
    </AdminPage>
  );
}

/** How it looks in the light and in the dark. */
function Preview({
  name,
  logo,
  used,
}: {
  readonly name: string;
  readonly logo: string;
  readonly used: ReturnType<typeof coloursOf>;
}) {
  return (
    <Part title="Preview">
      <div className="row wrap" aria-label="Preview" role="group">
        {(["light", "dark"] as const).map((look) => (
          <div key={look} className={`branding-preview ${look}`}>
            <div className="row">
              <img src={logo} alt="" width={36} height={36} />
              <strong>{name.trim() === "" ? brandName({}) : name}</strong>
            </div>
            <span style={{ color: used[look] }}>A link</span>
            <span className="branding-button" style={{ background: used.filled }}>
              A button
            </span>
          </div>
        ))}
      </div>
    </Part>
  );
}

function Branding() {
  const brand = useBrand();
  const { may } = useRights();
  const act = useActOn(nothing);
  const [name, setName] = useState<string>();
  const [colour, setColour] = useState<string>();
  const [logo, setLogo] = useState<{ readonly data: string; readonly shown: string }>();
  const faults = useFaults({
    name: "A name has 1 to 40 characters, and no signs that cannot be shown.",
    colour: "A colour like #4f46e5.",
    logo: logoRule,
  });
  const seen = useSeen<BrandingView>(
    faults,
    () => brand,
    () => lookChanged,
  );
  const shownName = name ?? brand.name ?? "";
  const shownColour = colour ?? brand.colour ?? "#4f46e5";
  const used = coloursOf(shownColour);
  const shownLogo = logo?.shown ?? (brand.logo === undefined ? at("/icon.svg") : logoUrl(brand.logo));
  const change = (make: () => void) => {
    seen.begin("");
    make();
  };
  const choose = async (event: ChangeEvent<HTMLInputElement>) => {
    const file = event.currentTarget.files?.[0];
    if (file === undefined) return;
    if (!["image/png", "image/jpeg", "image/webp"].includes(file.type))
      return faults.say("A logo is a PNG, JPEG or WebP. SVG is not taken: it can carry more than a picture.", "logo");
    if (file.size > logoBytesMax) return faults.say("A logo has at most 32 KiB.", "logo");
    const data = await base64Of(file);
    seen.begin("");
    setLogo({ data, shown: `data:${file.type};base64,${data}` });
  };
  const send = async (body: SetBranding, said: string) => {
    const view = await act(
      () => call("branding.set", { ...body, seen: seen.of("") }),
      (reason) => {
        const now = reason.details?.["now"] as BrandingView | undefined;
        if (reason.code === "CHANGED_MEANWHILE" && now !== undefined) showBrand(now);
        if (reason.code !== "TOO_LARGE") return seen.take("")(reason);
        faults.say(logoRule, "logo");
        return true;
      },
    );
    if (view === undefined) return;
    seen.end();
    showBrand(view);
    setName(undefined);
    setColour(undefined);
    setLogo(undefined);
    notices.show(said);
  };
  const save = () => {
    const choice: SetBranding = {
      ...(name !== undefined && { name: name.trim() === "" ? null : name.trim() }),
      ...(colour !== undefined && { colour }),
      ...(logo !== undefined && { logo: logo.data }),
    };
    return send(
      choice,
      "Everybody sees the change from now on. Pages that are open show it when somebody returns to them.",
    );
  };
  const isChanged = name !== undefined || colour !== undefined || logo !== undefined;
  return (
    <>
      <Part
        title="Looks"
        about="The name, logo and colour that people see on the sign-in page, in the chat, in the title and in mails."
      >
        <Form id="branding" faults={faults} className="branding-form" onSubmit={save} label="Look of the cluster">
          <TextInput
            label="Name"
            placeholder="Plexus"
            error={faults.of("name")}
            maxLength={40}
            value={shownName}
            onChange={(event) => change(() => setName(event.currentTarget.value))}
          />
          <label className="select">
            <span>Colour</span>
            <input
              type="color"
              value={shownColour}
              onChange={({ currentTarget: { value } }) => change(() => setColour(value))}
            />
          </label>
          <label className="select">
            <span>Logo: PNG, JPEG or WebP, at most 32 KiB and 512 pixels a side</span>
            <input type="file" accept="image/png,image/jpeg,image/webp" onChange={(event) => void choose(event)} />
          </label>
          {faults.of("logo") !== undefined && (
            <p className="pull-error flush" role="alert">
              {faults.of("logo")}
            </p>
          )}
          {(used.light !== shownColour || used.filled !== shownColour) && (
            <p className="dim flush">
              This colour is hard to read as text: {used.light} is used in the light, {used.dark} in the dark.
            </p>
          )}
          {may("config.manage") && (
            <div className="row wrap">
              <Button type="submit" disabled={!isChanged}>
                Save
              </Button>
              <Button
                variant="default"
                onClick={() =>
                  void send({ name: null, colour: null, logo: null }, "Everything looks like Plexus again.")
                }
              >
                Back to the look of Plexus
              </Button>
            </div>
          )}
        </Form>
      </Part>
      <Preview name={shownName} logo={shownLogo} used={used} />
    </>
  );
}
