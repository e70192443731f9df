import type { IncomingMessage } from "node:http";
import { expect } from "chai";
import fc from "fast-check";
import { createMounts } from "../../../node/gateway/edge/mount.ts";

const asked = (how: { url?: string; host?: string; prefix?: string; from?: string }) =>
  ({
    url: how.url ?? "/",
    socket: { remoteAddress: how.from ?? "10.0.0.9" },
    headers: {
      host: how.host ?? "10.0.0.1:7070",
      ...(how.prefix !== undefined && { "x-forwarded-prefix": how.prefix }),
    },
  }) as unknown as IncomingMessage;

const mountsAt = (publicUrl?: string) =>
  createMounts({ publicUrl: () => publicUrl, isProxy: (address) => address === "10.0.0.2" });

describe("gateway: below which path a node is reached", () => {
  it("is the path of the public address, for what was sent there and for nothing else", () => {
    const mounts = mountsAt("https://example.org/team/chat");
    expect(mounts.of(asked({ url: "/team/chat/room/den" }))).to.equal("/team/chat");
    expect(mounts.of(asked({ host: "example.org" })), "the proxy took the path away").to.equal("/team/chat");
    expect(mounts.of(asked({}))).to.equal("");
    expect(mounts.of(asked({ url: "/team/chatter" }))).to.equal("");
    expect(mountsAt("https://example.org").of(asked({ host: "example.org" }))).to.equal("");
    expect(mountsAt().of(asked({ url: "/team/chat" }))).to.equal("");
  });

  it("is what a proxy says that the operator named, and nobody else", () => {
    const said = (prefix: string, from: string) => mountsAt("https://example.org/chat").of(asked({ prefix, from }));
    expect(said("/other/", "10.0.0.2")).to.equal("/other");
    expect(said("/other", "203.0.113.9")).to.equal("");
    for (const bad of ["other", "//evil.example", "/a/../b", "/a b", '/"><script>', "/a\\b", "/", ""])
      expect(said(bad, "10.0.0.2"), bad).to.equal("");
  });

  it("leaves of a URL what the routes know, and any other as it is", () => {
    const mounts = mountsAt("https://example.org/chat");
    const within = (url: string): string => mounts.within(url);
    expect(within("/chat/api/v1/me?x=1")).to.equal("/api/v1/me?x=1");
    expect(within("/chat")).to.equal("/");
    expect(within("/chat?x=1")).to.equal("/?x=1");
    expect(within("/chatter")).to.equal("/chatter");
    const path = fc.stringMatching(/^\/[\w/?=-]{0,20}$/);
    fc.assert(fc.property(path, (url) => within(`/chat${url}`) === url && mountsAt().within(url) === url));
  });

  it("follows a public address that is set while the node runs", () => {
    let publicUrl: string | undefined;
    const mounts = createMounts({ publicUrl: () => publicUrl, isProxy: () => false });
    expect(mounts.within("/chat/ws")).to.equal("/chat/ws");
    publicUrl = "https://example.org/chat";
    expect(mounts.within("/chat/ws")).to.equal("/ws");
    publicUrl = undefined;
    expect(mounts.within("/chat/ws")).to.equal("/chat/ws");
  });
});
