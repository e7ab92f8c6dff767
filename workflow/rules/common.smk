# The plan (library code without science or heavy imports) and the functions that hand its answers to the rules.
from snakemake.exceptions import WorkflowError

from affectssm.errors import AffectError
from affectssm.plan import Plan

try:
    plan = Plan(config)
    plan.write_computing()
except AffectError as error:
    raise WorkflowError(str(error))


wildcard_constraints:
    corpus_edition="|".join(plan.corpus_editions),
    edition="demo[a-z-]*",
    shard="s[0-9]+",
    table="|".join(plan.tables),
    joint=plan.joint_edition,
    seed="[0-9]+",
    seeds="[0-9]+(-[0-9]+)*",
    fold="[A-Za-z0-9_]+",
    source="extracted|multimediate",


def manifest_of(wildcards):
    """The manifest of a corpus; asking for it makes everything behind it wait for the checkpoint."""
    return ancient(
        checkpoints.manifest.get(
            corpus_edition=wildcards.corpus_edition
        ).output.manifest
    )


# corpora


def listing_of(wildcards):
    return plan.listing(plan.corpus_editions[wildcards.corpus_edition])


def demo_card_of(wildcards):
    return plan.demo_card(plan.corpus_editions[wildcards.corpus_edition])


def discover_arguments(wildcards):
    return plan.discover_arguments(plan.corpus_editions[wildcards.corpus_edition])


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
    return [
        checkpoints.manifest.get(corpus_edition=name).output.manifest
        for name in plan.corpus_editions
    ]


def window_arguments(wildcards):
    return plan.window_arguments(wildcards.task)


def training_splits(wildcards):
    return plan.split_content("noxi", ("train", "val"))


# training


def tracks(corpora, features):
    """Feature files of corpora; asking for them waits for the manifests."""
    for corpus in corpora:
        checkpoints.manifest.get(corpus_edition=plan.name(corpus))
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
    return plan.training_windows(wildcards.experiment)


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
    return plan.predictions_of(wildcards.experiment, plan.config.experiments.seeds)


def labels_of(wildcards):
    return tracks(plan.corpora, ["engagement", "engagement_test"])


def missing_of(wildcards):
    return plan.windows(wildcards.experiment, "missing")


def evaluation_arguments(wildcards):
    return plan.evaluation_arguments(wildcards.experiment, seeds_of(wildcards))


# tables


def metrics_of(wildcards):
    return plan.metrics_of(wildcards.table)


def submissions_of(wildcards):
    return plan.submissions_of(wildcards.table)


def faults_of(wildcards):
    """Every fault table behind a table: of discovery and of every feature."""
    corpora = plan.corpora_behind(wildcards.table)
    found = [
        file.removesuffix(".h5") + ".faults.parquet"
        for file in tracks(corpora, plan.features_behind(wildcards.table))
    ]
    return [
        f"results/corpora/{plan.name(corpus)}/faults.parquet" for corpus in corpora
    ] + found


def table_arguments(wildcards):
    return plan.table_arguments(wildcards.table)
