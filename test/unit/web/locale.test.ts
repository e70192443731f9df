import { expect } from "chai";
import { localeFrom } from "../../../web/src/model/locale.ts";

describe("the language of the page", () => {
  it("is the first that the browser names and that is one, whatever its system has put behind it", () => {
    expect(localeFrom(["de-CH"])).to.equal("de-CH");
    expect(localeFrom(["en-US@posix"])).to.equal("en-US");
    expect(localeFrom(["pt_BR.UTF-8"])).to.equal("pt-BR");
    expect(localeFrom([undefined, "", "C", "fr"])).to.equal("fr");
    expect(localeFrom([])).to.equal("en");
    expect(() => new Intl.NumberFormat(localeFrom(["!!", "x"]))).not.to.throw();
  });
});
