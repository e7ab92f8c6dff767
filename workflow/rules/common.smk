# The plan (library code without science or heavy imports) and the functions that hand its answers to the rules.
import sys

from snakemake.exceptions import WorkflowError

from affectssm.plan import Plan
from affectssm.plan.last_words import said_last, say_last, words_of_job
from affectssm.vocabulary.corpora import DEMOS

with said_last(WorkflowError):
    plan = Plan(config)
    plan.write_computing()
    if workflow.is_main_process:
        for notice in plan.notices():
            print(notice, file=sys.stderr)


wildcard_constraints:
    corpus_edition=plan.one_of(plan.corpus_editions),
    edition=plan.one_of(DEMOS),
    shard="s[0-9]+",
    part="[sf][0-9]+",
    check=plan.one_of(plan.checks),
    table=plan.one_of(plan.tables),
    mistyped=rf"(?!(?:{plan.one_of(plan.tables)})\.)[^/]+",
    joint=plan.one_of(plan.table_editions),
    seed="[0-9]+",
    seeds="[0-9]+(-[0-9]+)*",
    fold="[A-Za-z0-9_]+",
    source="extracted|multimediate",
    experiment=plan.one_of(plan.experiments),
    trials=plan.one_of(plan.trial_experiments),


def known(corpora):
    """Wait for the manifests of some corpora, and for the check that the tables can be had from them."""
    for corpus in corpora:
        checkpoints.manifest.get(corpus_edition=plan.name(corpus))
        checkpoints.complete.get(check=plan.check_of(corpus))


def manifest_of(wildcards):
    """The manifest of a corpus; asking for it makes everything behind it wait for the checkpoints."""
    corpus = plan.corpus_editions[wildcards.corpus_edition]
    known([corpus])
    return ancient(
        checkpoints.manifest.get(
            corpus_edition=wildcards.corpus_edition
        ).output.manifest
    )


def manifests_of_check(wildcards):
    corpora, _ = plan.checks[wildcards.check]
    return [
        checkpoints.manifest.get(corpus_edition=plan.name(corpus)).output.manifest
        for corpus in corpora
    ]


def check_arguments(wildcards):
    return plan.check_arguments(wildcards.check)


# corpora


def demo_code(wildcards):
    return plan.demo_code(wildcards.edition)


def listing_of(wildcards):
    return plan.listing(plan.corpus_editions[wildcards.corpus_edition])


def demo_card_of(wildcards):
    return plan.demo_card(plan.corpus_editions[wildcards.corpus_edition])


def discover_arguments(wildcards):
    return plan.discover_arguments(plan.corpus_editions[wildcards.corpus_edition])


def discovery_code(wildcards):
    return plan.discovery_code(plan.corpus_editions[wildcards.corpus_edition])


# features


def feature_arguments(wildcards):
    return plan.feature_arguments(
        plan.corpus_editions[wildcards.corpus_edition], wildcards.feature
    )


def feature_code(wildcards):
    return plan.feature_code(wildcards.feature)


def feature_content(wildcards):
    return plan.feature_content(
        plan.corpus_editions[wildcards.corpus_edition],
        wildcards.shard,
        wildcards.feature,
    )


def faces_of(wildcards):
    """The face track of the shard, where the feature needs one."""
    if not plan.needs_faces(wildcards.feature):
        return []
    return (
        f"results/features/{wildcards.corpus_edition}/face_track/{wildcards.shard}.h5"
    )


# timeline


def training_manifest(wildcards):
    return ancient(
        checkpoints.manifest.get(corpus_edition=plan.name("noxi")).output.manifest
    )


def all_manifests(wildcards):
    # followed by content (all_content): a manifest of a corpus that moved says the same
    return [
        ancient(checkpoints.manifest.get(corpus_edition=name).output.manifest)
        for name in map(plan.name, plan.corpora)
    ]


def all_content(wildcards):
    return plan.whole_content()


def scored_content(wildcards):
    return plan.scored_content()


def window_arguments(wildcards):
    return plan.window_arguments(wildcards.task)


def training_splits(wildcards):
    return plan.split_content("noxi", ("train", "val"))


# training


def tracks(corpora, features):
    """Feature files of corpora; asking for them waits for the checkpoints."""
    known(corpora)
    return [
        file
        for corpus in corpora
        for feature in features
        for file in plan.feature_files(corpus, feature)
    ]


def training_tracks(wildcards):
    corpora = plan.training_corpora(wildcards.experiment)
    return tracks(corpora, plan.features_of(wildcards.experiment) + ["engagement"])


def training_windows_of(wildcards):
    # followed by content (training_content, training_code): labels of a test part that arrive later change nothing here
    return ancient(plan.training_windows(wildcards.experiment))


def base_checkpoint(wildcards):
    return plan.base_checkpoint(wildcards.experiment, wildcards.seed)


def prediction_tracks(wildcards):
    return tracks(plan.corpora, plan.features_of(wildcards.experiment) + ["engagement"])


def run_arguments(wildcards):
    return plan.run_arguments(wildcards.experiment, wildcards.seed)


def training_code(wildcards):
    return plan.training_code(wildcards.experiment)


def prediction_code(wildcards):
    return plan.prediction_code(wildcards.experiment)


def training_content(wildcards):
    return plan.training_content(wildcards.experiment)


def prediction_windows_of(wildcards):
    return plan.windows(wildcards.experiment, "test")


# evaluation


def seeds_of(wildcards):
    return [int(seed) for seed in wildcards.seeds.split("-")]


def predictions_of(wildcards):
    return plan.predictions_of(wildcards.experiment, seeds_of(wildcards))


def submitted_predictions(wildcards):
    all_manifests(
        wildcards
    )  # asked for, so that Snakemake looks at the job again after them
    return plan.predictions_of(wildcards.experiment, plan.config.experiments.seeds)


def labels_of(wildcards):
    return tracks(plan.corpora, ["engagement", "engagement_test"])


def missing_of(wildcards):
    return plan.windows(wildcards.experiment, "missing")


def evaluation_arguments(wildcards):
    return plan.evaluation_arguments(wildcards.experiment, seeds_of(wildcards))


# trials


def corpus_of(wildcards):
    """The corpus of trials that a rule's wildcards name; asking for it waits for the manifest."""
    if hasattr(wildcards, "trials"):
        corpus = plan.trial_experiment(wildcards.trials).corpus
    else:
        corpus = plan.corpus_editions[wildcards.corpus_edition]
    known([corpus])
    return corpus


def signal_tracks(wildcards):
    corpus = corpus_of(wildcards)
    return [
        f"results/features/{wildcards.corpus_edition}/{feature}/{wildcards.shard}.h5"
        for feature in plan.signal_features(corpus, wildcards.shard)
    ]


def epochs_arguments(wildcards):
    return plan.epochs_arguments(plan.corpus_editions[wildcards.corpus_edition])


def shard_content(wildcards):
    return plan.shard_content(
        plan.corpus_editions[wildcards.corpus_edition], wildcards.shard
    )


def epochs_of_part(wildcards):
    corpus = corpus_of(wildcards)
    return plan.epochs(corpus, plan.shards_of_part(corpus, wildcards.part))


def epochs_of_corpus(wildcards):
    return plan.epochs(corpus_of(wildcards))


def trial_run_arguments(wildcards):
    return plan.trial_run_arguments(wildcards.trials, wildcards.seed)


def trial_training_code(wildcards):
    return plan.trial_training_code(wildcards.trials)


def masks_of(wildcards):
    return plan.masks(corpus_of(wildcards), wildcards.part, wildcards.seed)


def chosen_of(wildcards):
    return plan.chosen(corpus_of(wildcards))


def choosing_checkpoints(wildcards):
    runs = plan.chosen_from(corpus_of(wildcards))
    return [f"{run}/checkpoint.safetensors" for run in runs]


def choosing_runs(wildcards):
    return plan.chosen_from(corpus_of(wildcards))


def adaptation_arguments(wildcards):
    if hasattr(wildcards, "trials"):
        corpus = plan.trial_experiment(wildcards.trials).corpus
    else:
        corpus = plan.corpus_editions[wildcards.corpus_edition]
    return plan.adaptation_arguments(corpus)


def trial_files(wildcards, name):
    """A file of every run of an experiment of trials."""
    corpus_of(wildcards)
    return [
        f"{run}/{name}"
        for run in plan.trial_runs(wildcards.trials, seeds_of(wildcards))
    ]


def trial_predictions(wildcards):
    return trial_files(wildcards, "predictions.parquet")


def adapted_predictions(wildcards):
    return trial_files(wildcards, "adapted.parquet")


def adapted_streams(wildcards):
    return trial_files(wildcards, "streams.parquet")


def trial_evaluation_arguments(wildcards):
    return plan.trial_evaluation_arguments(wildcards.trials, seeds_of(wildcards))


# tables


def metrics_of(wildcards):
    return plan.metrics_of(wildcards.table)


def submissions_of(wildcards):
    return plan.submissions_of(wildcards.table)


def faults_of(wildcards):
    """Every fault table behind a table: of discovery and of every feature."""
    corpora = plan.corpora_behind(wildcards.table)
    for corpus in corpora:
        checkpoints.manifest.get(corpus_edition=plan.name(corpus))
    return plan.faults_behind(wildcards.table)


def no_such_table(wildcards):
    with said_last(WorkflowError):
        raise plan.no_such_table(wildcards.mistyped)


def runs_for_times(job):
    """Whether a job runs again for no other reason than that a file it reads is newer than what was made of it."""
    why = workflow.dag.reason(job)
    return why.updated_input and not (
        why.missing_output
        or why.params_changed
        or why.code_changed
        or why.input_changed
        or why.forced
    )


def table_arguments(wildcards):
    return plan.table_arguments(wildcards.table)


def table_code(wildcards):
    return plan.table_code(wildcards.table)


def edition_tables(wildcards):
    """The files of a table in the edition of this configuration, by what they are."""
    with said_last(WorkflowError):
        plan.require_no_lab_table(wildcards.table)
    return plan.table_files(wildcards.table)
