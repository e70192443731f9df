"""Trains the model: `python3 train.py CORPUS.jsonl MERGES.json OUT.pt`. Needs PyTorch (1.13 is enough) and numpy.

A llama-shaped decoder: RMSNorm, rotary positions, SwiGLU, no biases, output tied to the embedding.
A fixed number of steps, one thread and fixed seeds: the same machine and libraries give the same weights.
Another processor or BLAS rounds differently and gives other weights of the same quality.
"""

import argparse
import json
import math
import random
import time

import torch
from torch import nn
from torch.nn import functional as F

import tokenizer as tok

SHAPE = {"dim": 160, "layers": 6, "heads": 5, "ffn": 448, "context": 1024, "rope_base": 10000.0, "norm_eps": 1e-5}
BATCH_TOKENS = 2560  # padded tokens in a batch
VALIDATION_DIALOGUES = 600  # the first ones of the corpus, less those that occur again in the rest: none is trained on
USER_WEIGHT = 0.1  # weight of text that the model only reads: it learns a little from it
ADAM_RATE, MUON_RATE, WEIGHT_DECAY = 2.5e-3, 0.02, 0.02
WARMUP_STEPS, DECAY_SHARE = 80, 0.7


class RmsNorm(nn.Module):
    def __init__(self, dim, eps):
        super().__init__()
        self.weight, self.eps = nn.Parameter(torch.ones(dim)), eps

    def forward(self, x):
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.eps) * self.weight


class Block(nn.Module):
    def __init__(self, shape):
        super().__init__()
        dim, ffn = shape["dim"], shape["ffn"]
        self.heads, self.head_dim = shape["heads"], dim // shape["heads"]
        self.attn_norm, self.ffn_norm = RmsNorm(dim, shape["norm_eps"]), RmsNorm(dim, shape["norm_eps"])
        self.attn_q, self.attn_k, self.attn_v, self.attn_output = (nn.Linear(dim, dim, bias=False) for _ in range(4))
        self.ffn_gate, self.ffn_up = (nn.Linear(dim, ffn, bias=False) for _ in range(2))
        self.ffn_down = nn.Linear(ffn, dim, bias=False)

    def forward(self, x, cos, sin, mask):
        batch, length, dim = x.shape
        h = self.attn_norm(x)
        q, k, v = (w(h).view(batch, length, self.heads, self.head_dim).transpose(1, 2) for w in (self.attn_q, self.attn_k, self.attn_v))
        scores = rotate(q, cos, sin) @ rotate(k, cos, sin).transpose(-1, -2) / math.sqrt(self.head_dim) + mask
        mixed = (scores.softmax(-1) @ v).transpose(1, 2).reshape(batch, length, dim)
        x = x + self.attn_output(mixed)
        h = self.ffn_norm(x)
        return x + self.ffn_down(F.silu(self.ffn_gate(h)) * self.ffn_up(h))


def rotate(x, cos, sin):
    """Rotary positions on neighbouring pairs, as llama.cpp does it for the llama architecture."""
    a, b = x[..., 0::2], x[..., 1::2]
    return torch.stack([a * cos - b * sin, a * sin + b * cos], -1).flatten(-2)


class Model(nn.Module):
    def __init__(self, shape, vocabulary):
        super().__init__()
        self.shape = shape
        self.token_embd = nn.Embedding(vocabulary, shape["dim"])
        self.blk = nn.ModuleList(Block(shape) for _ in range(shape["layers"]))
        self.output_norm = RmsNorm(shape["dim"], shape["norm_eps"])
        head_dim = shape["dim"] // shape["heads"]
        frequency = shape["rope_base"] ** (-torch.arange(0, head_dim, 2).float() / head_dim)
        angle = torch.outer(torch.arange(shape["context"]).float(), frequency)
        self.cos, self.sin = angle.cos(), angle.sin()
        self.mask = torch.full((shape["context"], shape["context"]), float("-inf")).triu(1)
        self.start_weights()

    def start_weights(self):
        nn.init.normal_(self.token_embd.weight, std=0.02)
        for block in self.blk:
            for name, weight in block.named_parameters():
                if weight.dim() == 2:
                    into_residual = name.startswith(("attn_output", "ffn_down"))
                    nn.init.normal_(weight, std=(1 / math.sqrt(2 * len(self.blk)) if into_residual else 1) / math.sqrt(weight.shape[1]))

    def forward(self, ids):
        length = ids.shape[1]
        x = self.token_embd(ids)
        for block in self.blk:
            x = block(x, self.cos[:length], self.sin[:length], self.mask[:length, :length])
        return F.linear(self.output_norm(x), self.token_embd.weight)


def load_dialogues(path, tokenizer, context):
    """(ids, said) for each dialogue; one that does not fit is cut after a whole turn of the assistant."""
    loaded = []
    with open(path, encoding="utf-8") as file:
        for line in file:
            turns = json.loads(line)
            ids, said = tokenizer.encode_dialogue(turns)
            while len(ids) > context and len(turns) > 2:
                turns = turns[:-1]
                while turns and turns[-1][0] != "assistant":
                    turns = turns[:-1]
                ids, said = tokenizer.encode_dialogue(turns)
            if turns and len(ids) <= context:
                loaded.append((ids, said))
    return loaded


def batches(dialogues, rng):
    """Endless batches of about BATCH_TOKENS, each of dialogues of similar length."""
    while True:
        rng.shuffle(dialogues)
        for start in range(0, len(dialogues), 4096):
            window = sorted(dialogues[start:start + 4096], key=lambda dialogue: len(dialogue[0]))
            groups, group = [], []
            for dialogue in window:
                if group and len(dialogue[0]) * (len(group) + 1) > BATCH_TOKENS:
                    groups.append(group)
                    group = []
                group.append(dialogue)
            groups.append(group)
            rng.shuffle(groups)
            yield from groups


def tensors(group):
    length = max(len(ids) for ids, _ in group)
    ids = torch.full((len(group), length), tok.PAD)
    weight = torch.zeros(len(group), length)
    for row, (dialogue, said) in enumerate(group):
        ids[row, :len(dialogue)] = torch.tensor(dialogue)
        weight[row, :len(dialogue)] = torch.tensor(said).float() * (1 - USER_WEIGHT) + USER_WEIGHT
    return ids, weight


def losses(model, ids):
    logits = model(ids[:, :-1])
    target = ids[:, 1:].reshape(-1)
    logits = logits.reshape(target.shape[0], -1)
    return F.cross_entropy(logits, target, reduction="none"), logits.argmax(-1) == target


@torch.no_grad()
def validate(model, groups):
    """Mean loss and share of right next tokens, over what the assistant says; and the share of answers right to the last token."""
    loss = right = count = 0.0
    answers = right_answers = 0
    for group in groups:
        ids, weight = tensors(group)
        said = weight[:, 1:] == 1
        each, hit = losses(model, ids)
        mask = said.reshape(-1)
        loss += each[mask].sum().item()
        right += hit[mask].sum().item()
        count += mask.sum().item()
        for row, hits in zip(said, hit.view(said.shape)):
            answer_right = True
            for position in range(len(row)):
                if row[position]:
                    answer_right &= bool(hits[position])
                    if position + 1 == len(row) or not row[position + 1]:
                        answers += 1
                        right_answers += answer_right
                        answer_right = True
    return {"loss": loss / count, "tokenAccuracy": right / count, "answerAccuracy": right_answers / answers}


class Muon(torch.optim.Optimizer):
    """Momentum whose update is made orthogonal by five Newton-Schulz steps; for the matrices inside the blocks.
    One run each of 500 steps, on an earlier corpus: validation loss 0.190, with AdamW alone 0.225; a step costs 7 % more."""

    def __init__(self, matrices, lr, momentum=0.95):
        super().__init__(matrices, {"lr": lr, "momentum": momentum})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for weight in group["params"]:
                average = self.state[weight].setdefault("average", torch.zeros_like(weight))
                average.lerp_(weight.grad, 1 - group["momentum"])
                update = orthogonal(weight.grad.lerp(average, group["momentum"]))
                weight.mul_(1 - group["lr"] * WEIGHT_DECAY)
                weight.add_(update, alpha=-group["lr"] * math.sqrt(max(1, weight.shape[0] / weight.shape[1])))


def orthogonal(matrix):
    x = matrix / (matrix.norm() + 1e-7)
    tall = x.shape[0] > x.shape[1]
    x = x.T if tall else x
    for _ in range(5):
        gram = x @ x.T
        x = 3.4445 * x + (-4.7750 * gram + 2.0315 * gram @ gram) @ x
    return x.T if tall else x


def schedule(step, steps):
    """Share of the peak rate: a short rise, a level stretch, then a straight way down over DECAY_SHARE of the steps."""
    if step < WARMUP_STEPS:
        return (step + 1) / WARMUP_STEPS
    return max(0.01, min(1.0, (steps - step) / (steps * DECAY_SHARE)))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("corpus")
    parser.add_argument("merges")
    parser.add_argument("out")
    parser.add_argument("--steps", type=int, default=2500)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(options.seed)
    rng = random.Random(options.seed)

    tokenizer = tok.load(options.merges)
    dialogues = load_dialogues(options.corpus, tokenizer, SHAPE["context"])
    training = dialogues[VALIDATION_DIALOGUES:]
    trained_on = {tuple(ids) for ids, _ in training}
    held_out = [dialogue for dialogue in dialogues[:VALIDATION_DIALOGUES] if tuple(dialogue[0]) not in trained_on]
    held_out.sort(key=lambda dialogue: len(dialogue[0]))
    validation = [held_out[start:start + 20] for start in range(0, len(held_out), 20)]
    model = Model(SHAPE, len(tokenizer.tokens))
    parameters = sum(p.numel() for p in model.parameters())
    lengths = sorted(len(ids) for ids, _ in training)
    print(f"{len(training)} dialogues, {sum(lengths)} tokens, half below {lengths[len(lengths) // 2]}, longest {lengths[-1]}; {parameters} parameters", flush=True)

    in_blocks = [p for p in model.blk.parameters() if p.dim() == 2]
    others = [p for p in model.parameters() if all(p is not matrix for matrix in in_blocks)]
    optimizers = [(torch.optim.AdamW(others, betas=(0.9, 0.98), weight_decay=0.0), ADAM_RATE), (Muon(in_blocks, MUON_RATE), MUON_RATE)]
    seen = 0
    started, started_cpu = time.time(), time.process_time()
    for step, group in zip(range(options.steps), batches(training, rng)):
        for optimizer, peak in optimizers:
            optimizer.param_groups[0]["lr"] = peak * schedule(step, options.steps)
        ids, weight = tensors(group)
        weight = weight[:, 1:].reshape(-1)
        each, _ = losses(model, ids)
        loss = (each * weight).sum() / weight.sum()
        model.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer, _ in optimizers:
            optimizer.step()
        seen += ids.numel()
        if (step + 1) % 200 == 0:
            found = validate(model, validation[::3])
            print(f"step {step + 1}  cpu {time.process_time() - started_cpu:.0f} s  loss {loss.item():.3f}  validation {found['loss']:.4f}, tokens {found['tokenAccuracy']:.2%}, answers {found['answerAccuracy']:.1%}", flush=True)

    report = {"parameters": parameters, "steps": options.steps, "seed": options.seed, "trainedTokens": seen,
              "validation": {"dialogues": len(held_out), **{key: round(value, 4) for key, value in validate(model, validation).items()}},
              "cpuSeconds": round(time.process_time() - started_cpu), "wallSeconds": round(time.time() - started)}
    torch.save({"shape": SHAPE, "weights": model.state_dict(), "report": report}, options.out)
    print(json.dumps(report))


if __name__ == "__main__":
    main()
