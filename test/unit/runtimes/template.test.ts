import { expect } from "chai";
import { templateFault } from "../../../runtimes/gguf-values.ts";
import { runtimeLimits } from "../../../runtimes/limits.ts";
import { boundedTemplate } from "../../../runtimes/llama/template.ts";

const render = (text: string, values: Readonly<Record<string, unknown>> = {}, madeMax?: number): string =>
  boundedTemplate(text, madeMax).render(values);

describe("the template of a model", () => {
  it("is rendered as the library does it, with what templates call", () => {
    const messages = [
      { role: "user", content: "hi" },
      { role: "assistant", content: "you" },
    ];
    const text =
      "{%- for m in messages %}{{ '<|' ~ m.role ~ '|>' + m['content'] }}{%- endfor %}{% if not none %}.{% endif %}";
    expect(render(text, { messages })).to.equal("<|user|>hi<|assistant|>you.");
    expect(render("{% for i in range(2) %}{{ i }}{% endfor %}{{ range(5, 1, -2) | join(',') }}")).to.equal("015,3");
    expect(render("{{ strftime_now('%Y') }}")).to.match(/^\d{4}$/u);
    expect(() => render("{{ raise_exception('roles must alternate') }}")).to.throw("roles must alternate");
  });

  it("ends when it takes too many steps, however it loops", () => {
    const loops = [
      "{% for a in range(90000) %}{% for b in range(90000) %}{{ b }}{% endfor %}{% endfor %}",
      "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
      "{% macro m(n) %}{% for i in range(2) %}{{ m(n - 1) if n > 0 }}{% endfor %}{% endmacro %}{{ m(60) }}",
    ];
    for (const text of loops) expect(() => render(text)).to.throw(/steps|call stack|not a function/u);
  });

  it("ends when it makes too much", () => {
    const doubles =
      "{% set n = namespace(t='0123456789') %}{% for i in range(40) %}{% set n.t = n.t ~ n.t %}{% endfor %}{{ n.t }}";
    expect(() => render(doubles)).to.throw(/makes more than \d+ characters/u);
    expect(() => render("{{ range(1000000000) }}")).to.throw(/too many numbers/u);
    // What goes through a list is not one step, whatever it is called.
    const through = [
      "{% set l = range(100000) %}{% for i in range(500) %}{% if 'x' in l %}{% endif %}{% endfor %}",
      "{% set l = range(100000) %}{% for i in range(500) %}{% set s = l | sort %}{% endfor %}",
      "{% set n = namespace(l=[1]) %}{% for i in range(25) %}{% set n.l = n.l + n.l %}{% endfor %}",
      "{% set t = '%s' | replace('x', 'aaaaaaaa') %}{% for i in range(9) %}{% set p = t.split('a') %}{% endfor %}".replace(
        "%s",
        "x".repeat(100_000),
      ),
    ];
    for (const text of through)
      expect(() => render(text), text.slice(0, 80)).to.throw(/makes more than \d+ characters/u);
  });

  it("ends when it goes through more than that, whatever goes through it", () => {
    // An eighth of what models have: to go through all of that eighteen times takes seconds.
    const madeMax = runtimeLimits.templateMadeMax / 8;
    const list = "{% set l = range(100000) %}{% for i in range(650) %}";
    const entries = Object.fromEntries(Array.from({ length: 20_000 }, (_none, at) => [`k${at}`, at]));
    const doubled = "{% set n = namespace(l=[1]) %}{% for i in range(60) %}{% set n.l = [n.l, n.l] %}{% endfor %}";
    const through = [
      `${list}{% for k in l %}{% break %}{% endfor %}{% endfor %}`,
      "{% for i in range(200) %}{{ d | dictsort | length }}{% endfor %}",
      "{% for i in range(900) %}{% for k in d %}{% break %}{% endfor %}{% endfor %}",
      "{% for i in range(900) %}{{ d.items() | length }}{% endfor %}",
      "{% set f = d.keys %}{% for i in range(900) %}{{ f() | length }}{% endfor %}",
      "{% set f = s.split %}{% for i in range(20) %}{{ f('y') | length }}{% endfor %}",
      "{% for i in range(20) %}{{ s['spl' + 'it']('y') | length }}{% endfor %}",
      "{% for i in range(20) %}{{ (s | join('y'))[0] }}{{ s[0:1] }}{% endfor %}",
      "{% for i in range(20) %}{{ [s, s, s] | sort | length }}{% endfor %}",
      // What holds the same twice, sixty times over, is as long as it would be written.
      `${doubled}{{ n.l | tojson }}`,
      `${doubled}{{ n.l }}`,
      `${doubled}{% macro m() %}{{ n.l }}{% endmacro %}{{ m() }}`,
      `${doubled}{{ n.l ~ '' }}`,
      `${doubled}{{ '' + n.l }}`,
      `${doubled}{{ n.l + '' }}`,
      `${doubled}{{ n.l == '' }}`,
      `${doubled}{{ {'a': n.l} | string }}`,
      `${doubled}{{ [n] }}`,
    ];
    for (const text of through)
      expect(() => render(text, { d: entries, s: "x".repeat(1_000_000) }, madeMax), text).to.throw(
        `makes more than ${madeMax} characters`,
      );
    for (const text of [`${doubled}{{ raise_exception(n.l) }}`, `${doubled}{{ range(n.l) }}`])
      expect(() => render(text), text).to.throw(/object|range takes numbers/u);
  });

  it("has room for what templates do with a long conversation", () => {
    const messages = Array.from({ length: 4_096 }, (_none, at) => ({
      role: at % 2 ? "assistant" : "user",
      content: `<think>${"x".repeat(100)}</think>${at}`,
    }));
    const text =
      "{% for m in messages %}{% if loop.index0 > 0 and messages[loop.index0 - 1].role in ['user', 'tool'] %}a{% endif %}{% if messages | length > 1 %}{{ m.content.split('</think>')[-1] }}{% endif %}{% endfor %}";
    expect(render(text, { messages }).length).to.be.greaterThan(4_096);
  });

  it("ends when it asks for too many numbers", () => {
    expect(() => render("{{ range(0, 10, 0) }}")).to.throw(/too many numbers/u);
  });

  it("is not read when it is nested deeper, or longer, than any", () => {
    const deep = (count: number): readonly string[] => [
      `{{ ${"(".repeat(count)}1${")".repeat(count)} }}`,
      `{{ ${"[".repeat(count)}1${"]".repeat(count)} }}`,
      `${"{% if true %}".repeat(count)}x${"{% endif %}".repeat(count)}`,
      `${"{%- for a in [1] -%}".repeat(count)}x${"{%- endfor -%}".repeat(count)}`,
    ];
    for (const text of deep(50_000)) {
      expect(templateFault(text)).to.match(/nested \d+ deep|characters/u);
      expect(() => boundedTemplate(text)).to.throw(/nested \d+ deep|characters/u);
    }
    for (const text of deep(60)) expect(templateFault(text)).to.equal(undefined);
    for (const text of deep(1).slice(2)) expect(templateFault(text.repeat(5_000))).to.equal(undefined);
    expect(templateFault("x".repeat(2_000_000))).to.match(/2000000 characters/u);
    expect(() => boundedTemplate(`{{ ${"not ".repeat(200_000)}1 }}`)).to.throw();
  });
});
