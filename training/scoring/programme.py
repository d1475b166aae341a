"""Scores a JSONL file with a reward model: a first pass that checks every line, then the model, then chunk after chunk.

What belongs here: the order of things and the process's command line. Memory holds one chunk, however long the file. Chunks
depend on the input alone, so that what goes on after an interruption on the same kind of device gives the same numbers as what
was never interrupted. The token budget may change in between (after running out of memory, say): it decides which trees share
a forward pass, which changes scores by rounding only.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import signal
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from training.errors import StageRefusal, one_line
from training.process import end_with_stdin, unwind_on_sigterm
from training.progress import Progress
from training.scoring.lines import ScoreLine, encode_json, parse_line
from training.scoring.model import choose_device, load_model, model_name
from training.scoring.output import Output, PartFile, StandardOutput, refuse_output
from training.scoring.results import REASONS, ModelFacts, result_line
from training.stages import source_hash
from training.storage import StoreError

if TYPE_CHECKING:
    from training.reward_model.scoring import RewardScorer

# What is scored at once, and lost at most when the process is killed: enough to fill a forward pass.
CHUNK_LINES, CHUNK_BYTES = 32, 1 << 17
_TELL_LINES = 10_000
_SOURCES = ("training/scoring", "training/reward_model", "training/rubric_score.py", "training/records.py")


@dataclass(frozen=True, kw_only=True)
class ScoreOptions:
    """What to score, with what, into what.

    Attributes:
        file: a regular file; it is read twice.
        name: what messages call it.
        model: folder of a reward_model artifact.
        out: where results go; None: standard output.
        device: cpu or cuda; None: cuda where there is one.
        tokens_per_batch: most packed tokens in one forward pass; None: as the model was trained to.
    """

    file: Path
    name: str
    model: Path
    out: Path | None
    device: str | None
    tokens_per_batch: int | None


@dataclass(frozen=True, slots=True)
class CheckedInput:
    """What the first pass found: the number of lines, and the digest of the bytes."""

    lines: int
    digest: str


def check_input(file: Path, *, name: str) -> CheckedInput:
    """Reads every line once, before anything expensive starts.

    Raises:
        StageRefusal: names the first line that cannot be scored, or says that there is none.
    """
    digest, lines = hashlib.sha256(), 0
    progress = Progress(f"check {name}, lines", None)
    with file.open("rb") as handle:
        for lines, raw in enumerate(handle, 1):
            digest.update(raw)
            parse_line(raw, where=f"{name} line {lines}")
            if lines % _TELL_LINES == 0:
                progress.update(lines)
    if not lines:
        raise StageRefusal(f"{name} holds no line to score")
    return CheckedInput(lines, digest.hexdigest())


def chunks(lines: Iterator[bytes]) -> Iterator[list[bytes]]:
    """Deals lines into chunks of at most CHUNK_LINES, closed once they hold CHUNK_BYTES."""
    chunk: list[bytes] = []
    size = 0
    for line in lines:
        chunk.append(line)
        size += len(line)
        if len(chunk) == CHUNK_LINES or size >= CHUNK_BYTES:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def lines_of_whole_chunks(file: Path, done: int) -> int:
    """How many of the first `done` lines lie in chunks that are whole: a broken one is scored again, in the same company."""
    start = 0
    with file.open("rb") as handle:
        for chunk in chunks(iter(handle)):
            if start + len(chunk) > done:
                break
            start += len(chunk)
    return start


def score_file(
    options: ScoreOptions, checked: CheckedInput, scorer: RewardScorer, facts: ModelFacts, output: Output
) -> Counter[str]:
    """Scores what the output does not hold yet; returns how many verdicts are unknown, by reason.

    Raises:
        StageRefusal: the file is not the one that was checked.
    """
    skipped = lines_of_whole_chunks(options.file, output.done)
    output.keep(skipped)
    if skipped:
        say(f"goes on after line {skipped} of {checked.lines}")
    progress = Progress("score answers, lines", checked.lines - skipped)
    unknown: Counter[str] = Counter()
    digest, start = hashlib.sha256(), 0
    with options.file.open("rb") as handle:
        for chunk in chunks(iter(handle)):
            digest.update(b"".join(chunk))
            if start >= skipped:
                lines = [parse_line(raw, where=f"{options.name} line {start + i}") for i, raw in enumerate(chunk, 1)]
                output.write(_score_chunk(lines, scorer, facts, unknown))
                progress.update(start + len(chunk) - skipped)
            start += len(chunk)
    if digest.hexdigest() != checked.digest:
        raise StageRefusal(f"{options.name} was changed while it was being scored; run again")
    return unknown


def _score_chunk(lines: Sequence[ScoreLine], scorer: RewardScorer, facts: ModelFacts, unknown: Counter[str]) -> bytes:
    from training.reward_model.scoring import ScoreItem

    items = [ScoreItem(line.instruction, line.responses, line.criteria) for line in lines]
    return b"".join(
        encode_json(result_line(line, scores, facts, unknown)) for line, scores in zip(lines, scorer.score(items), strict=True)
    )


def run(options: ScoreOptions, load: Callable[..., tuple[RewardScorer, ModelFacts]] = load_model) -> None:
    """Checks, loads, scores, and puts the results in their place.

    Args:
        options: what, with what, into what.
        load: as `load_model`.

    Raises:
        StageRefusal: a line, the model, the device or the output cannot be used.
        StoreError: the model's folder is not what its manifest says.
    """
    if options.out is not None:
        refuse_output(options.out, options.file)
    checked = check_input(options.file, name=options.name)
    name = model_name(options.model)
    device = choose_device(options.device)
    job = {"input": checked.digest, "reward_model": name, "code": source_hash(_SOURCES), "device": device}
    with PartFile(options.out, job) if options.out else nullcontext(StandardOutput()) as output:
        scorer, facts = load(options.model, name, device=device, tokens_per_batch=options.tokens_per_batch)
        for doubt in facts.doubts():
            say(doubt)
        if isinstance(output, PartFile) and output.discarded:
            say(f"{output.path.name} was of another input, model, version or device: begins anew")
        unknown = score_file(options, checked, scorer, facts, output)
        output.finish()
    for reason, count in unknown.most_common():
        say(f"{count} verdicts unknown: {REASONS.get(reason, reason)}")


def say(line: str) -> None:
    """One line to who is waiting."""
    print(f"    {line}", file=sys.stderr, flush=True)


def main(argv: Sequence[str]) -> int:
    """The process that `promedical score` starts; returns its exit code."""
    parser = argparse.ArgumentParser(prog="python -m training.scoring", description="Scores a JSONL file with a reward model.")
    parser.add_argument("file", type=Path)
    parser.add_argument("--model", type=Path, required=True, help="folder of a reward_model artifact")
    parser.add_argument("--out", type=Path, help="(default: standard output)")
    parser.add_argument("--name", help="what messages call the file (default: its path)")
    parser.add_argument("--device", choices=("cpu", "cuda"))
    parser.add_argument("--tokens-per-batch", type=int)
    parser.add_argument("--end-with-stdin", action="store_true", help="end when standard input does")
    arguments = vars(parser.parse_args(argv))
    unwind_on_sigterm()
    if arguments.pop("end_with_stdin"):
        end_with_stdin()
    options = ScoreOptions(**{**arguments, "name": arguments["name"] or str(arguments["file"])})
    try:
        run(options)
    except (StageRefusal, StoreError) as error:
        print(f"promedical: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        # Whoever read has enough. Python would try to flush once more on its way out.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE
    except (RuntimeError, MemoryError) as error:
        # Not before: whoever checks a file waits for no torch.
        from training.reward_model.memory import is_out_of_memory

        if not is_out_of_memory(error):
            raise
        print(f"promedical: out of memory; give a smaller --tokens-per-batch ({one_line(error)})", file=sys.stderr)
        return 1
    return 0
