"""Byte-level BPE: learns the merges (`python3 tokenizer.py CORPUS.jsonl OUT.json`) and encodes text with them.

The split into words and the byte alphabet are GPT-2's, so llama.cpp reads the result as `tokenizer.ggml.pre = gpt-2`.
All 256 bytes are tokens: any UTF-8 text can be encoded. Words with digits are never merged, so that a number is
always its digits and sums can be learnt.
"""

import argparse
import collections
import itertools
import json
import re

SPECIAL = ["<|pad|>", "<|bos|>", "<|user|>", "<|assistant|>", "<|system|>", "<|end|>"]
PAD, BOS, USER, ASSISTANT, SYSTEM, END = range(len(SPECIAL))
ROLE = {"user": USER, "assistant": ASSISTANT, "system": SYSTEM}

# GPT-2's pattern; Python's `re` has no \p{L} and \p{N}, the classes below differ from them only in rare characters.
WORD = re.compile(r"'s|'t|'re|'ve|'m|'ll|'d| ?[^\W\d_]+| ?\d+| ?(?:[^\s\w]|_)+|\s+(?!\S)|\s+")


def byte_alphabet():
    """GPT-2's printable character for each byte."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    spare = itertools.count(256)
    return [chr(byte) if byte in printable else chr(next(spare)) for byte in range(256)]


ALPHABET = byte_alphabet()


def words(text):
    return ["".join(ALPHABET[byte] for byte in word.encode("utf-8")) for word in WORD.findall(text)]


def learn_merges(texts, count, min_word=4, min_pair=30):
    """The `count` most frequent pairs, merged one after another. Words seen fewer than `min_word` times are left out."""
    frequency = collections.Counter(word for text in texts for word in words(text))
    pieces = {word: list(word) for word, seen in frequency.items() if seen >= min_word and not any(c.isdigit() for c in word)}
    merges = []
    for _ in range(count):
        pairs = collections.Counter()
        for word, parts in pieces.items():
            for pair in zip(parts, parts[1:]):
                pairs[pair] += frequency[word]
        if not pairs:
            break
        best, seen = max(pairs.items(), key=lambda item: (item[1], item[0]))
        if seen < min_pair:
            break
        merges.append(best)
        for word, parts in pieces.items():
            if best[0] in parts:
                pieces[word] = merged(parts, best)
    return merges


def merged(parts, pair):
    result = []
    for part in parts:
        # A part that was merged a moment ago is longer than pair[0], so it is not merged twice.
        if result and result[-1] == pair[0] and part == pair[1]:
            result[-1] = pair[0] + pair[1]
        else:
            result.append(part)
    return result


class Tokenizer:
    def __init__(self, merges):
        self.merges = [tuple(pair) for pair in merges]
        self.rank = {pair: rank for rank, pair in enumerate(self.merges)}
        self.tokens = SPECIAL + ALPHABET + [a + b for a, b in self.merges]
        self.ids = {token: i for i, token in enumerate(self.tokens)}
        self.bytes = {char: byte for byte, char in enumerate(ALPHABET)}
        self.cache = {}

    def encode(self, text):
        return [i for word in words(text) for i in self.encode_word(word)]

    def encode_word(self, word):
        if word not in self.cache:
            parts = list(word)
            while len(parts) > 1:
                pair = min(zip(parts, parts[1:]), key=lambda pair: self.rank.get(pair, len(self.rank)))
                if pair not in self.rank:
                    break
                parts = merged(parts, pair)
            self.cache[word] = [self.ids[part] for part in parts]
        return self.cache[word]

    def decode(self, ids):
        data = b"".join(SPECIAL[i].encode() if i < len(SPECIAL) else bytes(self.bytes[c] for c in self.tokens[i]) for i in ids)
        return data.decode("utf-8", "replace")

    def encode_dialogue(self, turns):
        """The ids of a dialogue, and for each id whether the model is to say it (assistant text and its <|end|>)."""
        ids, said = [BOS], [False]
        for role, text in turns:
            body = self.encode(text) + [END]
            ids += [ROLE[role], *body]
            said += [False, *[role == "assistant"] * len(body)]
        return ids, said


def load(path):
    with open(path, encoding="utf-8") as file:
        return Tokenizer(json.load(file))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("corpus")
    parser.add_argument("out")
    parser.add_argument("--vocabulary", type=int, default=1536, help="number of tokens in all")
    parser.add_argument("--dialogues", type=int, default=20_000, help="how many dialogues to learn from")
    options = parser.parse_args()
    with open(options.corpus, encoding="utf-8") as file:
        texts = [text for line in itertools.islice(file, options.dialogues) for _, text in json.loads(line)]
    merges = learn_merges(texts, options.vocabulary - len(SPECIAL) - len(ALPHABET))
    with open(options.out, "w", encoding="utf-8") as file:
        json.dump(merges, file, ensure_ascii=False)
    tokenizer = Tokenizer(merges)
    tokens = sum(len(tokenizer.encode(text)) for text in texts[:20_000])
    print(f"vocabulary {len(tokenizer.tokens)}, {sum(map(len, texts[:20_000])) / tokens:.2f} characters per token")
