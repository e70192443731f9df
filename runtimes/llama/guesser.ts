/** Guesses what a text goes on with, with a smaller model, so that the large one reads several tokens at once.
 *
 *      evaluate a token ─► predictTokens: bring the small model to the text, guess ─► the large one reads them ─► …
 *
 *  It guesses only when it is asked, and what it does has ended when it answers. The library's own predictor guesses
 *  ahead in the background, and a text that asked while such a run was being ended was never answered: it wrote nothing
 *  more, whether it was cancelled or not. */
import { TokenPredictor, type LlamaContextSequence, type SequenceEvaluateOptions, type Token } from "node-llama-cpp";
import { runtimeLimits } from "../limits.ts";
import type { Gate } from "./gate.ts";

/** What is said of a text when its guesses begin. */
type Begun = Parameters<TokenPredictor["reset"]>[0];

/** Guesses for the texts of one sequence. */
export class Guesser extends TokenPredictor {
  readonly #sequence: LlamaContextSequence;
  readonly #gate: Gate;
  #text: Token[] = [];
  #options: SequenceEvaluateOptions = {};
  /** Whether somebody still wants the text. */
  wanted: () => boolean = () => true;

  /** `sequence` is of the small model's context, whose texts pass `gate`. */
  constructor(sequence: LlamaContextSequence, gate: Gate) {
    super();
    this.#sequence = sequence;
    this.#gate = gate;
  }

  override reset({ stateTokens, evaluateOptions }: Begun): void {
    this.#text = [...stateTokens];
    // The large model is kept to a grammar: a guess that breaks it is not taken.
    const { grammarEvaluationState: _grammar, ...options } = evaluateOptions;
    this.#options = { ...options, yieldEogToken: true };
  }

  override pushTokens(tokens: Token[]): void {
    this.#text.push(...tokens);
  }

  /** Few or none where the small model is not sure, or nobody wants the text any more. */
  override async predictTokens(): Promise<Token[]> {
    const sequence = this.#sequence;
    const text = this.#text;
    const most = Math.min(runtimeLimits.guessedTokensMax, sequence.contextSize - 1 - text.length);
    if (most < 1 || text.length === 0 || !(await this.#read(text))) return [];
    const guesses: Token[] = [];
    const rest = text.slice(sequence.nextTokenIndex);
    for await (const { token, confidence } of sequence.evaluateWithMetadata(
      rest,
      { confidence: true },
      this.#options,
    )) {
      if (confidence < runtimeLimits.guessConfidenceMin) break;
      guesses.push(token);
      if (guesses.length >= most || !this.wanted()) break;
      await this.#gate.pass();
    }
    return guesses;
  }

  /** Brings the small model to the text but for its last slice, which guesses begin with. False: nobody wants it any
   *  more. */
  async #read(text: Token[]): Promise<boolean> {
    const sequence = this.#sequence;
    const held = Math.min(sequence.compareContextTokens(text).firstDifferentIndex, text.length - 1);
    if (held < sequence.nextTokenIndex)
      await this.#gate.closedDuring(() => sequence.adaptStateToTokens(text.slice(0, held), false));
    const { evaluationPriority } = this.#options;
    const size = runtimeLimits.prefillSliceTokens;
    while (this.wanted() && text.length - sequence.nextTokenIndex > size) {
      await this.#gate.pass();
      const from = sequence.nextTokenIndex;
      await sequence.evaluateWithoutGeneratingNewTokens(text.slice(from, from + size), {
        ...(evaluationPriority !== undefined && { evaluationPriority }),
      });
    }
    await this.#gate.pass();
    return this.wanted();
  }
}
