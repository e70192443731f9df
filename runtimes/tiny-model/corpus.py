"""Writes the training dialogues: `python3 corpus.py OUT.jsonl [--dialogues N] [--seed S]`.

One line is one dialogue: a JSON list of [role, text] pairs. All text comes from the tables in `knowledge.py`,
so nothing here is anybody's conversation. The same seed gives the same file.

A dialogue has one of the shapes that Plexus sends to a model:
  plain    user and assistant turns
  persona  a system message with some persona text in front
  room     user turns written as `name: text`, several speakers in a row, often with an @mention
"""

import argparse
import json
import random
import re
import string

import knowledge as know

ROOM_SHARE = 0.33  # of all dialogues
SYSTEM_SHARE = 0.35  # of plain dialogues; rooms use ROOM_SYSTEM_SHARE
ROOM_SYSTEM_SHARE = 0.6
LONG_SHARE = 0.02  # dialogues of many turns, so that the whole context length is seen in training
ROOM_JOINTS = [None, None, "\n\n", "\n\n", "\n"]  # node-llama-cpp joins user turns in a row with an empty line
TURNS = [1, 2, 3, 4, 5, 6, 7, 8]
TURN_WEIGHTS = [30, 22, 14, 10, 8, 6, 5, 5]
QUESTION_WORDS = set("what what's whats who how which are is do does where can could will why when should".split())


# --- words ---------------------------------------------------------------------------------------------------


def plural(noun):
    if noun.endswith("y") and noun[-2] not in "aeiou":
        return noun[:-1] + "ies"
    if noun.endswith("s") or noun.endswith("x") or noun.endswith("ch") or noun.endswith("sh"):
        return noun + "es"
    return noun + "s"


def with_article(noun):
    return ("an " if noun[0].lower() in "aeiou" else "a ") + noun


class Writer:
    """Draws everything from one random stream."""

    def __init__(self, seed):
        self.rng = random.Random(seed)

    def chance(self, share):
        return self.rng.random() < share

    def pick(self, choices):
        return self.rng.choice(choices)

    def invented_word(self):
        """A word the model cannot know: syllables, or plain random letters. Teaches copying and refusing."""
        rng = self.rng
        if self.chance(0.5):
            word = "".join(rng.choice("bcdfghjklmnprstvwz") + rng.choice("aeiou") + rng.choice(["", "", "n", "r", "s", "l", "x"]) for _ in range(rng.randint(1, 3)))
        else:
            word = "".join(rng.choice(string.ascii_lowercase) for _ in range(rng.randint(2, 8)))
        if self.chance(0.08):
            word += str(rng.randint(0, 99))
        return word

    def name(self):
        if self.chance(0.55):
            name = self.pick(know.NAMES)
        else:
            name = self.invented_word()
        style = self.rng.random()
        return name.lower() if style < 0.45 else name.capitalize() if style < 0.95 else name.upper()

    def word(self):
        word = self.invented_word()
        return word if self.chance(0.7) else word.capitalize()

    def fill(self, form, **given):
        """Fills the placeholders of a form with random words; `given` wins."""
        pick = self.pick
        makers = {
            "noun": lambda: pick(know.NOUNS), "nouns": lambda: plural(pick(know.NOUNS)), "a_noun": lambda: with_article(pick(know.NOUNS)), "a_noun2": lambda: with_article(pick(know.NOUNS)),
            "adj": lambda: pick(know.ADJECTIVES), "adj2": lambda: pick(know.ADJECTIVES), "verb": lambda: pick(know.VERBS), "trade": lambda: pick(know.TRADES),
            "person": lambda: pick(know.PEOPLE), "place": lambda: pick(know.PLACES), "year": lambda: str(self.rng.randint(1000, 2100)), "digit": lambda: str(self.rng.randint(1, 12)),
            "word": self.word, "name": self.name, "name2": self.name,
        }
        return re.sub(r"\{(\w+)\}", lambda found: given[found[1]] if found[1] in given else makers[found[1]](), form)

    # --- how people type -------------------------------------------------------------------------------------

    def typo(self, text):
        """One small slip in one longer word."""
        words = text.split(" ")
        places = [i for i, word in enumerate(words) if len(word) >= 4 and word.isalpha() and word.islower()]
        if not places:
            return text
        i = self.pick(places)
        word = words[i]
        at = self.rng.randint(1, len(word) - 2)
        slip = self.rng.randint(0, 3)
        if slip == 0:
            word = word[:at] + word[at + 1] + word[at] + word[at + 2:]
        elif slip == 1:
            word = word[:at] + word[at + 1:]
        elif slip == 2:
            word = word[:at] + word[at] + word[at:]
        else:
            word = word[:at] + self.pick(string.ascii_lowercase) + word[at + 1:]
        words[i] = word
        return " ".join(words)

    def phrase(self, text, keep=False):
        """Varies a question: politeness, contractions, typos, case and punctuation. `keep`: holds a word to copy, so no typo and no new case."""
        is_question = text.split(" ")[0].lower() in QUESTION_WORDS
        if self.chance(0.10):
            text = text.replace("what is", "what's", 1) if self.chance(0.5) else text.replace("do not", "don't").replace("i am", "i'm").replace("are you", "r u").replace("you are", "you're")
        if self.chance(0.10):
            text = self.pick(["hey, ", "hi, ", "hello, ", "hi! ", "so ", "ok, ", "and ", "um, ", "well, ", "now, ", "question: ", "please, ", "oh, ", "hello! ", "hm, ", "then "]) + text
        if self.chance(0.07):
            text += self.pick([" please", " pls", ", please", " exactly", " now", " then", " in simple words", ", thanks", " really", " again", " here"])
        if not keep and self.chance(0.10):
            text = self.typo(text)
        style = self.rng.random()
        if keep or style < 0.42:
            if self.chance(0.35):
                text = text[:1].upper() + text[1:]
        elif style < 0.84:
            text = text[:1].upper() + text[1:]
        elif style < 0.93:
            text = text.upper()
        elif style < 0.96:
            text = text.title()
        text = re.sub(r"\bi\b", "I", text) if self.chance(0.5) else text
        if text[-1] not in "?!.":
            ends = ["?"] * 12 + [""] * 6 + ["??", " ?", "?!", ".", "???", "...", "!"] if is_question else [""] * 10 + ["."] * 6 + ["!"] * 3 + ["?", "!!", "...", " :)"]
            text += self.pick(ends)
        return text


# --- single exchanges ------------------------------------------------------------------------------------------


def concept_forms(concept):
    """The word forms of a concept: {x} with article, {xs} plural, {n} bare."""
    for name in concept[0]:
        article = re.match(r"an? ", name)
        if article:
            bare = name[article.end():]
            yield {"x": name, "xs": plural(bare), "n": bare}
        else:
            bare = re.sub(r"^the ", "", name)
            yield {"x": name, "xs": name, "n": bare}


CONCEPT_FORMS = [(concept, list(concept_forms(concept))) for concept in know.CONCEPTS]
KNOWN_NAMES = {form["n"].lower() for _, forms in CONCEPT_FORMS for form in forms}
# What people ask first must work best, so it is drawn more often.
COMMON_CONCEPTS = 15


def first_sentence(text):
    return re.match(r".*?\.(?= |$)", text)[0]


FACTS = ["favourite colour", "favorite color", "favourite number", "favourite food", "city", "password", "secret word"]
CALLED = ["cat", "dog", "project"]


class Dialogue:
    """Builds one dialogue turn by turn; knows what the user has said about himself."""

    def __init__(self, writer, persona=None):
        self.w = writer
        self.persona = persona
        self.concept = None  # the concept of the answer before, for follow-ups
        self.started = False
        self.user_name = None
        self.fact = None  # (question forms, answer) of something to remember

    # each of these returns (question, answer)

    def definition(self):
        w = self.w
        concept, forms = w.pick(CONCEPT_FORMS[:COMMON_CONCEPTS]) if w.chance(0.45) else w.pick(CONCEPT_FORMS)
        follows = self.concept is not None and w.chance(0.35)
        form = w.pick(forms[:1] * 3 + forms)
        question = w.pick(know.FOLLOW_UP_FORMS if follows else know.DEFINITION_FORMS).format(**form)
        if w.chance(0.04):
            question += " in plexus"
        self.next_concept = concept
        return w.phrase(question), concept[1]

    def difference(self):
        w = self.w
        (one, one_forms), (other, other_forms) = w.rng.sample(CONCEPT_FORMS[:30] if w.chance(0.6) else CONCEPT_FORMS, 2)
        question = w.pick(know.DIFFERENCE_FORMS).format(x=one_forms[0]["x"], y=other_forms[0]["x"])
        return w.phrase(question), f"{first_sentence(one[1])} {first_sentence(other[1])}"

    def more(self):
        self.next_concept = ([], "", None)
        return self.w.phrase(self.w.pick(know.MORE_FORMS)), self.concept[2] or know.NO_MORE

    def action(self):
        ways, answer = self.w.pick(know.ACTIONS)
        return self.w.phrase(self.w.pick(know.ACTION_FORMS).format(v=self.w.pick(ways))), answer

    def faq(self):
        w = self.w
        ways, answers = w.pick(know.FAQ)
        return w.phrase(w.pick(ways)), w.pick(answers)

    def greeting(self):
        ways, answers = know.FAQ[0]
        return self.w.phrase(self.w.pick(ways)), self.w.pick(answers)

    def who(self):
        answer = know.WHO_PERSONA.format(p=self.persona) if self.persona else know.WHO
        return self.w.phrase(self.w.pick(know.WHO_FORMS)), answer

    def long(self):
        w = self.w
        if w.chance(0.3):
            if w.chance(0.2):
                return w.phrase(w.pick(know.STORY_PLAIN)), know.STORY.format(x="an actor")
            subject = w.pick(know.STORY_SUBJECTS) if w.chance(0.6) else with_article(w.pick(know.NOUNS) if w.chance(0.5) else w.invented_word())
            return w.phrase(w.pick(know.STORY_FORMS).format(x=subject), keep=True), know.STORY.format(x=subject)
        ways, answer = w.pick(know.LONG)
        return w.phrase(w.pick(ways)), answer

    def arithmetic(self):
        w, rng = self.w, self.w.rng
        operation = rng.choices(["plus", "minus", "times", "divided by"], [45, 28, 20, 7])[0]
        limit = 10 if operation == "times" or w.chance(0.6) else 20
        a, b = rng.randint(0, limit), rng.randint(0, limit)
        if operation == "divided by":
            b = rng.randint(1, 10)
            a = b * rng.randint(0, 10)
        too_large = w.chance(0.10)
        if too_large:
            limit = max(limit, 20 if operation != "times" else 10)
            a = rng.randint(limit + 1, rng.choice([99, 999, 99999])) if operation != "divided by" else rng.randint(101, 99999)
            if w.chance(0.6):
                b = rng.randint(limit + 1, rng.choice([99, 999, 99999]))
            if operation != "divided by" and w.chance(0.4):
                a, b = b, a
        signs = {"plus": ["+"], "minus": ["-"], "times": ["*", "x", "×"], "divided by": ["/", ":", "÷"]}[operation]
        verb = {"plus": ["plus"], "minus": ["minus", "less"], "times": ["times", "multiplied by"], "divided by": ["divided by", "over"]}[operation]
        left, right = str(a), str(b)
        if max(a, b) <= 10 and w.chance(0.15):
            left, right, sum_ = know.NUMBER_WORDS[a], know.NUMBER_WORDS[b], f" {w.pick(verb)} "
        else:
            sum_ = f" {w.pick(verb)} " if w.chance(0.4) else w.pick([" {} ", " {} ", "{}"]).format(w.pick(signs))
        sum_ = left + sum_ + right
        if operation == "plus" and w.chance(0.12):
            question = w.pick(["add {} and {}", "the sum of {} and {}", "what is the sum of {} and {}", "can you add {} and {}"]).format(left, right)
        else:
            question = w.pick(["what is {}", "what is {}", "{}", "{}", "how much is {}", "calculate {}", "compute {}", "what's {}", "what does {} make", "{} =", "{} = ?", "can you calculate {}", "{} is", "tell me {}"]).format(sum_)
        if too_large:
            return w.phrase(question, keep=True), know.TOO_LARGE
        result = {"plus": a + b, "minus": a - b, "times": a * b, "divided by": a // b if operation == "divided by" else 0}[operation]
        return w.phrase(question, keep=True), f"{a} {operation} {b} is {result}."

    def capital(self):
        w = self.w
        if w.chance(0.2):
            country = w.pick(know.UNKNOWN_COUNTRIES) if w.chance(0.5) else w.word()
            return w.phrase(w.pick(know.CAPITAL_FORMS).format(c=country)), know.UNKNOWN
        country = w.pick(list(know.CAPITALS))
        return w.phrase(w.pick(know.CAPITAL_FORMS).format(c=w.pick([country, country.lower()]))), f"The capital of {country} is {know.CAPITALS[country]}."

    def opposite(self):
        w = self.w
        if w.chance(0.15):
            return w.phrase(w.pick(know.OPPOSITE_FORMS).format(w=w.pick(know.NOUNS) if w.chance(0.5) else w.invented_word())), know.UNKNOWN
        pairs = list(know.OPPOSITES.items())
        word, opposite = w.pick(pairs)
        if w.chance(0.3):
            word, opposite = opposite, word
        return w.phrase(w.pick(know.OPPOSITE_FORMS).format(w=word)), f"The opposite of {word} is {opposite}."

    def unknown(self):
        w = self.w
        style = w.rng.random()
        if style < 0.08:
            if w.chance(0.4):
                return w.phrase(w.pick(know.ACTION_UNKNOWN_FORMS).format(v=w.pick(know.ACTIONS_UNKNOWN))), know.UNKNOWN
            return w.phrase(w.fill(w.pick(know.ACTION_UNKNOWN_FORMS).format(v="{verb} " + w.pick(["{a_noun}", "my {noun}", "{nouns}", "{word}"])))), know.UNKNOWN
        if style < 0.30:  # the forms of a definition, with something that has none here
            noun = w.pick(know.NOUNS) if w.chance(0.5) else w.invented_word()
            if noun in KNOWN_NAMES:
                noun = "banana"
            form = {"x": with_article(noun) if w.chance(0.7) else noun, "xs": plural(noun), "n": noun}
            forms = know.FOLLOW_UP_FORMS if self.concept is not None and w.chance(0.3) else know.DEFINITION_FORMS
            return w.phrase(w.pick(forms).format(**form)), know.UNKNOWN
        if style < 0.36:  # a whole paragraph
            sentences = [w.phrase(w.fill(w.pick(know.UNKNOWN_FORMS + know.CHATTER))) for _ in range(w.rng.randint(2, 6))]
            return " ".join(sentences), know.UNKNOWN
        return w.phrase(w.fill(w.pick(know.UNKNOWN_FORMS))), know.UNKNOWN

    def gibberish(self):
        w, rng = self.w, self.w.rng
        style = rng.random()
        if style < 0.3:
            return w.pick(know.FOREIGN) if w.chance(0.6) else w.phrase(w.pick(know.FOREIGN), keep=True), know.ENGLISH_ONLY
        if style < 0.65:
            text = " ".join("".join(rng.choice(rng.choice(["asdfghjkl", "qwertzuiop", string.ascii_lowercase, "xyzqw"])) for _ in range(rng.randint(4, 12))) for _ in range(rng.randint(2, 5)))
        elif style < 0.9:
            text = "".join(rng.choice("!?.,;:-_#+*~%&/()=$<>@^|0123456789 ") for _ in range(rng.randint(1, 12))).strip() or "?"
        else:
            text = w.pick(["😀", "👍👍", "🎉", "❤️", "😂😂😂", "🤖", "…", "🤔?", "👋", "✨✨"])
        return text, know.NOT_UNDERSTOOD

    def introduce(self):
        w = self.w
        self.user_name = w.name()
        question = w.pick(["my name is {}", "my name is {}", "i am {}", "call me {}", "hi, i am {}", "hello, my name is {}", "you can call me {}", "i'm {}", "please call me {}", "people call me {}", "my name's {}"]).format(self.user_name)
        return w.phrase(question, keep=True), f"Nice to meet you, {self.user_name}!"

    def recall_name(self):
        question = self.w.pick(["what is my name", "what is my name", "who am i", "do you know my name", "do you remember my name", "what's my name", "tell me my name", "say my name", "my name"])
        answer = f"Your name is {self.user_name}." if self.user_name else "You have not told me your name yet."
        return self.w.phrase(question), answer

    def tell_fact(self):
        w = self.w
        thing = w.pick(FACTS + CALLED)
        value = w.pick(know.COLOURS) if "colo" in thing else str(w.rng.randint(0, 99)) if "number" in thing else w.pick(know.NOUNS) if "food" in thing else w.name()
        is_called = "is called" if thing in CALLED else "is"
        self.fact = (f"what is my {thing}" if is_called == "is" else f"what is my {thing} called", f"Your {thing} {is_called} {value}.")
        return w.phrase(f"my {thing} {is_called} {value}", keep=True), f"I will remember that your {thing} {is_called} {value}."

    def recall_fact(self):
        if not self.fact:
            return self.w.phrase(f"what is my {self.w.pick(FACTS)}"), "You have not told me that yet."
        return self.w.phrase(self.fact[0]), self.fact[1]

    def echo(self):
        w = self.w
        if w.chance(0.4):
            name = w.name()
            return w.phrase(w.pick(["say hello to {}", "greet {}", "please greet {}", "say hi to {}", "welcome {}"]).format(name), keep=True), f"Hello, {name}! Nice to meet you."
        words = " ".join(w.pick([w.invented_word(), w.pick(know.NOUNS), w.pick(know.ADJECTIVES)]) for _ in range(w.rng.randint(1, 4)))
        return w.pick(["repeat {}", "repeat after me: {}", "say {}", "please say {}", "say: {}", "Repeat: {}", "Say {}", "echo {}"]).format(words), words

    def exchange(self):
        """One question with its answer."""
        w = self.w
        self.next_concept = None
        kinds = [(self.definition, 30), (self.difference, 1.5), (self.action, 13), (self.greeting, 2), (self.faq, 16), (self.who, 4), (self.long, 6), (self.arithmetic, 11), (self.capital, 3.5), (self.opposite, 2.5),
                 (self.unknown, 15), (self.gibberish, 2.5), (self.introduce, 4), (self.tell_fact, 2.5), (self.echo, 3.5), (self.recall_name, 9 if self.user_name else 0.8)]
        if self.concept is not None:
            kinds.append((self.more, 6))
        kinds.append((self.recall_fact, 8 if self.fact else 0.6))
        is_first = not self.started
        self.started = True
        make = self.greeting if is_first and w.chance(0.06) else w.rng.choices([kind for kind, _ in kinds], [weight for _, weight in kinds])[0]
        question, answer = make()
        if make in (self.definition, self.action, self.arithmetic, self.long) and w.chance(0.05):
            question = w.phrase(w.fill(w.pick(know.CHATTER)), keep=True).rstrip("?") + w.pick([" ", ". ", "\n"]) + question
        self.concept = self.next_concept
        return question, answer


def system_message(w):
    """A system message and the persona in it, if it names one."""
    persona = w.fill(w.pick(know.PERSONAS)) if w.chance(0.75) else None
    sentences = [w.fill(w.pick(know.INSTRUCTIONS)) for _ in range(w.rng.choice([0, 1, 1, 2, 3, 3, 6]))]
    if persona:
        sentences.insert(0, f"You are {persona}.")
    elif not sentences:
        sentences = [w.fill(w.pick(know.INSTRUCTIONS))]
    return w.pick([" ", " ", "\n"]).join(sentences), persona


def turn_count(w):
    return w.rng.randint(10, 22) if w.chance(LONG_SHARE) else w.rng.choices(TURNS, TURN_WEIGHTS)[0]


def plain_dialogue(w):
    turns = []
    persona = None
    if w.chance(SYSTEM_SHARE):
        text, persona = system_message(w)
        turns.append(["system", text])
    dialogue = Dialogue(w, persona)
    for _ in range(turn_count(w)):
        question, answer = dialogue.exchange()
        turns += [["user", question], ["assistant", answer]]
    return turns


def addressed(w, question, agent):
    """The question with a mention of the agent, in one of the places where people put it."""
    place = w.rng.random()
    if place < 0.35:
        return question
    if place < 0.75:
        return f"@{agent}{w.pick([' ', ' ', ' ', ', ', ': '])}{question}"
    if place < 0.88:
        return f"{w.pick(['hey', 'hi', 'hello', 'ok', 'so', 'thanks'])} @{agent}{w.pick([' ', ', ', ': '])}{question}"
    return f"{question} @{agent}"


def room_dialogue(w):
    turns = []
    persona = None
    agent = w.fill(w.pick(know.AGENT_NAMES)).lower()
    if w.chance(ROOM_SYSTEM_SHARE):
        text, persona = system_message(w)
        turns.append(["system", text])
    speakers = [w.name() for _ in range(w.rng.choice([1, 1, 2, 2, 3, 4]))]
    dialogues = {speaker: Dialogue(w, persona) for speaker in speakers}
    for _ in range(turn_count(w)):
        for _ in range(w.rng.choice([0, 0, 0, 1, 1, 2, 3])):
            speaker = w.pick(speakers)
            if w.chance(0.25):  # a question that nobody put to the agent
                text = Dialogue(w).exchange()[0]
            else:
                text = w.phrase(w.fill(w.pick(know.CHATTER)))
            turns.append(["user", f"{speaker}: {text}"])
        speaker = w.pick(speakers)
        dialogue = dialogues[speaker]
        if w.chance(0.03):
            question, answer = dialogue.recall_name()
            answer = f"Your name is {speaker}."
        elif w.chance(0.03):
            question, answer = "", "Yes? Ask me something about Plexus."
        else:
            named = dialogue.user_name
            question, answer = dialogue.exchange()
            if "not told me your name" in answer or (named is None and answer.startswith("Your name is")):
                answer = f"Your name is {speaker}."
        text = addressed(w, question, agent) if question else f"@{agent}"
        turns += [["user", f"{speaker}: {text}"], ["assistant", answer]]
        for other in dialogues.values():
            other.concept = dialogue.concept  # "and a room?" follows the last answer, of any speaker
    joint = w.pick(ROOM_JOINTS)
    return turns if joint is None else joined(turns, joint)


def joined(turns, joint):
    """The same dialogue with user turns in a row made one: some clients of a model send it so."""
    result = []
    for role, text in turns:
        if result and role == "user" and result[-1][0] == "user":
            result[-1] = [role, result[-1][1] + joint + text]
        else:
            result.append([role, text])
    return result


def dialogues(count, seed):
    writer = Writer(seed)
    for _ in range(count):
        yield room_dialogue(writer) if writer.chance(ROOM_SHARE) else plain_dialogue(writer)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out")
    parser.add_argument("--dialogues", type=int, default=60_000)
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    with open(options.out, "w", encoding="utf-8") as out:
        for dialogue in dialogues(options.dialogues, options.seed):
            out.write(json.dumps(dialogue, ensure_ascii=False) + "\n")
