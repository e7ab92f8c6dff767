"""What a family says of one kind of its jobs; the rules, the command line and the code hash follow from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from affectssm.vocabulary.needs import LIGHT, Needs


@dataclass(frozen=True)
class Input:
    """Files that a job reads.

    Attributes:
        files: the family's method that names them, told of the job's wildcards.
        help: what they are.
        one: whether there is a single one.
        optional: whether there may be none.
        above: how many folders above the files lies what the command is given in their place; 0: the files themselves.
        given: whether the command is given them at all; it may find them beside others.
        by_content: whether a change of time alone makes nothing run again; ``Step.content`` covers what they hold.
    """

    files: str
    help: str = ""
    one: bool = False
    optional: bool = False
    above: int = 0
    given: bool = True
    by_content: bool = False


@dataclass(frozen=True)
class Step:
    """One kind of job of a family.

    A *question* is the name of one of the family's methods, told of those wildcards that it has parameters for.

    Attributes:
        name: unique in the family; with the family's name, the rule.
        summary: one line for ``--help``.
        run: ``module:function``, called with ``settings``, the inputs that are given, the wildcards in ``words``,
            ``computing`` where that is set, and ``out`` or the outputs, all by name.
        reads: option of the command -> the files.
        writes: name -> pattern of a file below ``results``, with the wildcards of the rule; or a question, which can
            answer with several patterns where there is ``out``.
        out: the folder that the command is given in place of the files it writes.
        settings: question: what the command is told, as JSON.
        model: ``module:Class`` of the settings, which ``run`` gets as an object of it.
        words: wildcards that the command is given, by their names.
        code: question: hash of the code that decides what is written; the module of ``run`` alone where empty.
        content: question: what else makes a job run again.
        tables: which are made of its first output; those that no step names, of the step ``evaluate``'s.
        command: the subcommand, where several steps share one; else the name.
        computing: whether the command is given ``results/computing.json``, which decides no result.
        threads: CPUs of a job, the processes that read for it among them; or a question.
        needs: the memory, time and room that a job takes, by scale.
        gpu: whether a GPU makes it faster.
        lighter: what a person may set so that it takes less memory on a GPU, by the names of the configuration.
        halves: entry of ``computing`` whose ``batch`` is halved where a GPU runs out of memory; of a feature's section.
        weights: question: the pretrained weights that it loads itself (:class:`affectssm.features.weights.Wanted`).
        resumes: whether a job that was ended goes on from what it has finished.
    """

    name: str
    summary: str
    run: str
    reads: Mapping[str, Input]
    writes: Mapping[str, str]
    settings: str
    model: str
    out: str = ""
    words: tuple[str, ...] = ()
    code: str = ""
    content: str = ""
    tables: tuple[str, ...] = ()
    command: str = ""
    computing: bool = False
    threads: int | str = 1
    needs: Needs = field(default_factory=lambda: LIGHT)
    gpu: bool = False
    lighter: tuple[str, ...] = ()
    halves: str = ""
    weights: str = ""
    resumes: bool = False

    @property
    def network(self) -> bool:
        """Whether it computes with a network, on a GPU or not."""
        return self.gpu or bool(self.lighter)

    @property
    def subcommand(self) -> str:
        """The subcommand of ``affectssm`` that runs it."""
        return (self.command or self.name).replace("_", "-")

    @property
    def options(self) -> dict[str, Input]:
        """Option -> the input that it gives."""
        return {name: one for name, one in self.reads.items() if one.given}


def lighter_training(recipe: str, batch: str) -> tuple[str, ...]:
    """Return what makes a training take less memory on a GPU (:attr:`Step.lighter`).

    Args:
        recipe: the section with ``recompute`` and ``precision``.
        batch: the name of the batch.
    """
    return (
        f"{recipe}.recompute: blocks, or all (the same values, in more time)",
        f"{recipe}.precision: bfloat16 (other values)",
        f"a smaller {batch} (other values)",
    )
